"""Which stack a command means, and with which settings: those it was brought up with, if nobody names others.

Order of what wins: option, environment, invoke.yaml, what is remembered from the last up, default. What a running stack
runs with is changed by bringing it up again only: until then every other verb goes by what is there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import again
from metaflow_anywhere.register import known, remembered
from metaflow_anywhere.settings import Layer, Settings, resolve
from metaflow_anywhere.stack.supervision import Supervisor

# What a running stack's programs were told, and flows and browsers go by.
RUNS_WITH = (
    "runtime", "port", "ui_ext_url", "pgdata_dir", "datastore_dir",
    "metadata_port", "ui_metadata_port", "database_port",
)  # fmt: skip
ONLY_ONE = "the only stack that runs here"


@dataclass(frozen=True)
class Meant:
    """The settings of the stack that is meant, and what the user should be told of how it was found."""

    settings: Settings
    notes: Sequence[str] = ()


def find(
    files: Sequence[Layer],
    options: Mapping[str, Any],
    late_files: Sequence[Layer] = (),
    *,
    adopts: bool = True,
    changes: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Meant:
    """The stack that is meant by what was given.

    ``adopts``: where no root was named, the one that runs is meant. ``changes``: what was given is what the stack is
    to run with from now on. Raises AnywhereError where several run and none is named.
    """
    found = resolve(files, options, late_files=late_files, environ=environ)
    notes = []
    if adopts and found.is_default("root") and (only := the_running_one(found)) and only.root != found.root:
        files = [*files, Layer(ONLY_ONE, {"root": str(only.root), "state_dir": str(only.state_dir)})]
        found = resolve(files, options, late_files=late_files, environ=environ)
        notes.append(f"no root was named: this is {ONLY_ONE}, {found.root}")
    memory = remembered(found)
    if memory:
        found = resolve([*memory, *files], options, late_files=late_files, environ=environ)
    if memory and not changes:
        found, differing = as_it_runs(found, memory[0])
        notes += differing
    return Meant(found, notes)


def the_running_one(settings: Settings) -> Settings | None:
    """The one stack that runs here, if one does. Raises AnywhereError naming all where several do."""
    up = running(settings)
    if len(up) < 2:
        return up[0] if up else None
    raise AnywhereError(
        f"{len(up)} stacks run here, and no root was named",
        why="\n".join(f"{one.root}   {one.ui_ext_url}/" for one in up),
        run=again("--root", str(up[0].root)),
    )


def running(settings: Settings) -> list[Settings]:
    """The stacks of this user on this machine whose supervisors answer."""
    return [one for one in known(settings) if Supervisor.of(one).alive()]


def as_it_runs(settings: Settings, memory: Layer) -> tuple[Settings, list[str]]:
    """``settings`` with what the stack runs with, where it runs with something else, and words on what differs."""
    place = {"root": str(settings.root), "state_dir": str(settings.state_dir)}
    ran = resolve([memory], place, environ={})
    differing = [name for name in RUNS_WITH if getattr(ran, name) != getattr(settings, name)]
    if not differing or not Supervisor.of(settings).alive():
        return settings, []
    origins = {**settings.origins, **dict.fromkeys(differing, f"{memory.origin}; the stack runs with it")}
    values = {name: getattr(ran, name) for name in differing}
    notes = [
        f"the stack of {settings.root} runs with {name} {getattr(ran, name)}; "
        f"{getattr(settings, name)} ({settings.origins[name]}) counts from the next up on"
        for name in differing
        if not settings.is_default(name)
    ]
    return dataclasses.replace(settings, **values, origins=origins), notes
