"""A running stack meets newer (or older) code: a snapshot to go back to, and a rehearsal before anything is replaced.

What runs goes on serving until its successor was seen to come up beside it. Each program is then replaced in its own
stage's turn, while requests wait in the proxy.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere import __version__
from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.graph import NotYet, Progress, wait_until
from metaflow_anywhere.hints import command
from metaflow_anywhere.modes import write_private
from metaflow_anywhere.release import code_digest
from metaflow_anywhere.stack import asking, keeping
from metaflow_anywhere.stack.beside import running
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.stack.supervision import Program

RECORD = "release.json"  # in the stack's folder: which code its programs were last brought up with
SNAPSHOT_PREFIX = "before-upgrade-"
KEPT_SNAPSHOTS = 3
REHEARSAL_SECONDS = 60.0  # importing takes one; a busy machine ten
ANSWER_SECONDS = 5.0
END_SECONDS = 10.0


@dataclass(frozen=True)
class Rehearsal:
    """How a program is tried beside the one that runs: ``program`` must answer 200 to ``paths`` on ``socket``, or, with
    no socket, end with status 0."""

    program: Program
    socket: Path | None = None
    paths: tuple[str, ...] = ()


def prepare_upgrade(stack: Stack, progress: Progress, *, schema_changes: bool = False) -> None:
    """If the stack runs other code than this: keep a snapshot of the database, and see the new programs come up.

    Once for each release; nothing is done where nothing runs. Raises AnywhereError, and then what ran still does.
    """
    if not upgrade_is_due(stack):
        return
    progress.say(f"the programs that run are of another release than this ({__version__}, code {code_digest()})")
    for one in _rehearsals(stack):
        progress.say(f"{one.program.name}: trying the new one beside the one that runs")
        _rehearse(stack, one, progress)
    _keep(stack, progress, needed=schema_changes)
    _record_release(stack)


def upgrade_is_due(stack: Stack) -> bool:
    """Whether programs of another release run. Where nothing runs, none is due, and this release is noted."""
    if _recorded(stack).get("code") == code_digest():
        return False
    if stack.supervisor.alive():
        return True
    stack.make_machine_folders()
    _record_release(stack)
    return False


def _record_release(stack: Stack) -> None:
    """Note that the stack's programs are, from now on, brought up with this code."""
    path = stack.folder / RECORD
    half = path.with_name(f".{RECORD}.new")
    try:
        write_private(half, json.dumps({"version": __version__, "code": code_digest()}))
        half.replace(path)
    except OSError as error:
        raise AnywhereError("the stack's own folder cannot be written", why=reason(error)) from error


def way_back(stack: Stack) -> str:
    """The command that goes back to the database as it was before the last upgrade; empty if there is none."""
    with contextlib.suppress(AnywhereError):
        kept = [one.name for one in keeping.listed(stack) if one.name.startswith(SNAPSHOT_PREFIX)]
        if kept:
            restore = command("restore-snapshot", snapshot=kept[-1], replace=True)
            return f"{command('down')} && {restore} && {command('up')}"
    return ""


def _recorded(stack: Stack) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((stack.folder / RECORD).read_text())
        if isinstance(found, dict):
            return found
    return {}


def _keep(stack: Stack, progress: Progress, *, needed: bool) -> None:
    """Take the snapshot, and delete the oldest of such. That none can be taken is an error only if it is ``needed``."""
    if not stack.data_exists:
        return
    name = SNAPSHOT_PREFIX + time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    try:
        kept = keeping.take(stack, name, progress.say)
        progress.say(f"snapshot {kept.name} is kept: {kept.rows:,} rows")
        ours = [one for one in keeping.listed(stack) if one.name.startswith(SNAPSHOT_PREFIX)]
        for old in ours[:-KEPT_SNAPSHOTS]:
            keeping.delete(stack, old.name, progress.say)
    except AnywhereError as error:
        if needed:
            raise AnywhereError(
                "the schema was not changed: the snapshot to go back to could not be taken", why=str(error),
                run=command("doctor"),
            ) from error  # fmt: skip
        progress.say(f"no snapshot was taken ({error}); the schema does not change, so none is needed to go back")


def _rehearsals(stack: Stack) -> list[Rehearsal]:
    """Every program whose code is ours, and the proxy's configuration. A second ``sync`` would be fenced: it is tried
    as far as it does nothing."""
    service, ui = stack.sockets / "service.trial.sock", stack.sockets / "ui.trial.sock"
    proxy, sync, watchdog = stack.proxy_program(), stack.sync_program(), stack.watchdog_program()
    file = stack.caddyfile.with_suffix(".trial")
    write_private(file, stack.proxy_configuration())
    return [
        Rehearsal(stack.service_program(service), service, ("/ping", "/healthcheck")),
        Rehearsal(stack.ui_program(ui), ui, ("/ping", "/runs?_limit=1")),
        Rehearsal(_with(proxy, [proxy.command[0], "validate", "--config", str(file), "--adapter", "caddyfile"])),
        Rehearsal(_with(sync, [sys.executable, "-c", "import metaflow_anywhere.stack.mirroring"])),
        Rehearsal(_with(watchdog, [sys.executable, "-c", "import metaflow_anywhere.stack.watchdog"])),
    ]


def _with(program: Program, words: list[str]) -> Program:
    return dataclasses.replace(program, command=words)


def _rehearse(stack: Stack, one: Rehearsal, progress: Progress) -> None:
    """Run ``one`` as the supervisor would, until it has answered. Raises AnywhereError."""
    log, told = stack.log("upgrade"), stack.folder / f"{one.program.name}.trial.json"
    if one.socket:
        one.socket.unlink(missing_ok=True)
    document = one.program.document(stack.settings.stack_id, os.environ)
    try:
        with running(stack, document, told, log) as process:
            wait_until(
                lambda: _answered(one, process), what=f"the new {one.program.name}", seconds=REHEARSAL_SECONDS,
                progress=progress, log=log,
            )  # fmt: skip
    except AnywhereError as error:
        raise AnywhereError(
            f"the new {one.program.name} does not come up; what ran before still runs, and nothing was changed",
            why=error.why or str(error), log=log,
        ) from error  # fmt: skip
    finally:
        if one.socket:
            one.socket.unlink(missing_ok=True)


def _answered(one: Rehearsal, process: subprocess.Popen[bytes]) -> None:
    status = process.poll()
    if one.socket is None:
        if status is None:
            raise NotYet("it has not ended")
        if status != 0:
            raise AnywhereError(f"the new {one.program.name} fails", why=f"it ended with status {status}")
        return
    if status is not None:
        raise AnywhereError(f"the new {one.program.name} fails", why=f"it ended with status {status}")
    for path in one.paths:
        try:
            answer = asking.get(one.socket, path, ANSWER_SECONDS)
        except (OSError, http.client.HTTPException) as error:
            raise NotYet(f"{path}: {type(error).__name__}") from None
        if answer.status != 200:
            raise NotYet(f"{path}: status {answer.status}, {answer.text.strip()[:80]}")
