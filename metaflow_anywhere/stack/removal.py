"""What of a stack is where, for whoever wants to be rid of it; and the removal of what belongs to this machine only."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere import register
from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.far.places import ask
from metaflow_anywhere.hints import command
from metaflow_anywhere.stack import profile
from metaflow_anywhere.stack.stack import Stack


@dataclass(frozen=True)
class Part:
    """Something that a stack left on this machine. ``worth``: it holds what cannot be had again."""

    path: Path
    what: str
    worth: bool = False


def parts(stack: Stack, environ: Mapping[str, str]) -> Iterator[Part]:
    """What there is of ``stack``, what can be had again first.

    Never MF_STATE_DIR itself: somebody may have named a folder that holds other things too.
    """
    settings = stack.settings
    databases = _databases(stack)
    holds_data = any(_inside(one, settings.stack_dir) for one in databases)
    found = [
        Part(
            settings.stack_dir,
            f"logs and passwords of this stack{', and its database' if holds_data else ''}",
            holds_data,
        ),
        Part(settings.run_dir, "its sockets"),
        Part(register.register_folder() / settings.stack_id, "its place in your register"),
        *(Part(one.path, "a profile of Metaflow that leads to it") for one in profile.ours(settings, environ)),
    ]
    if not _other_stacks(stack):
        programs = [*settings.state_dir.glob("postgres-*"), *settings.state_dir.glob("template-*")]
        found += [Part(one, "PostgreSQL, ready to run") for one in sorted(programs)]
    found += [
        Part(settings.root, "what your flows left: the mirror of the database, artifacts, logs, cards", worth=True),
        *(Part(one, "a database", worth=True) for one in databases),
        Part(settings.datastore_dir, "artifacts, logs of tasks, cards", worth=True),
        *([Part(Path(sys.prefix), "the Python environment of this program", worth=True)] if own_environment() else []),
    ]
    shown: list[Path] = []
    for one in found:
        if ask(one.path, True, one.path.exists) and not any(_inside(one.path, above) for above in shown):
            shown.append(one.path)
            yield one


def remove(stack: Stack, environ: Mapping[str, str]) -> list[Path]:
    """Remove what can be had again; returns what was. Raises AnywhereError while the stack is up."""
    if stack.supervisor.alive():
        raise AnywhereError("the stack is up", why="it is removed when it is down only", run=command("down"))
    gone = []
    for one in [part for part in parts(stack, environ) if not part.worth]:
        try:
            if one.path.is_dir() and not one.path.is_symlink():
                shutil.rmtree(one.path)
            else:
                one.path.unlink(missing_ok=True)
        except OSError as error:
            raise AnywhereError(f"{one.path} cannot be removed", why=reason(error)) from error
        gone.append(one.path)
    for folder in (stack.settings.state_dir / "stacks", stack.settings.state_dir):
        with contextlib.suppress(OSError):  # not empty: not ours to remove
            folder.rmdir()
    return gone


def _databases(stack: Stack) -> list[Path]:
    """The database's files, and those that were moved aside."""
    data = stack.settings.pgdata_dir
    return [one for one in (data, *sorted(data.parent.glob(f"{data.name}.aside-*"))) if one.exists()]


def own_environment() -> bool:
    """Whether this program has a Python environment of its own: one that the system or others use is not to go."""
    return sys.prefix != sys.base_prefix and (Path(sys.prefix) / "pyvenv.cfg").is_file()


def _inside(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _other_stacks(stack: Stack) -> bool:
    """Whether other stacks keep what is theirs in the same MF_STATE_DIR."""
    with contextlib.suppress(OSError):
        return any(one != stack.folder for one in (stack.settings.state_dir / "stacks").iterdir())
    return False
