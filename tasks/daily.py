"""The verbs of every day: up, down, restart, status, logs; and the picture of the graph."""

from __future__ import annotations

import json as json_format
import os
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from invoke import Exit

from metaflow_anywhere import __version__
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command
from metaflow_anywhere.spelling import closest

from .common import goal, verb
from .database import init_schema, restore_snapshot, start_db
from .edge import proxy, tunnel
from .prepare import fetch_udocker, pull_images
from .services import start_service, start_ui
from .state import sync

STAGES = [
    fetch_udocker, pull_images, restore_snapshot, init_schema, start_db,
    start_service, start_ui, proxy, sync, tunnel,
]  # fmt: skip
PLAN_HELP = {"plan": "print what would be done and why, and do nothing", "serial": "one stage after the other"}
POLL_SECONDS = 0.25
# Of what answers no question.
OTHER_LOGS = ("watchdog", "supervisord", "init-schema", "restore-snapshot", "upgrade", "import", "hello")

if TYPE_CHECKING:
    from metaflow_anywhere.graph import Verdict
    from metaflow_anywhere.stack import Stack


STATE_HELP = {
    "new": "begin a new, empty mirror, although there are signs of another; that one is kept",
    "keep": "where two databases went on from one state: local or mirror",
    "accept-loss": "also if there was more than can be restored now",
}


@goal(needs=STAGES, help={**PLAN_HELP, **STATE_HELP})
def up(
    stack: Stack, plan: bool = False, serial: bool = False, new: bool = False, keep: str = "", accept_loss: bool = False
) -> None:
    """Bring the whole stack up; leave alone what is up already."""
    from metaflow_anywhere.graph import Progress
    from metaflow_anywhere.stack import profile, watchdog
    from metaflow_anywhere.terminal import styled
    from metaflow_anywhere.ui_backend.building import HOW_TO_GET_IT, built_from

    stack.remember()
    watchdog.keep(stack, Progress(print))
    for path in profile.refresh(stack.settings, os.environ):
        print(f"{path} says now how to reach the stack")
    if not built_from() and stack.settings.ui_folder is None:
        print(f"\nnote: the web UI was not built. {HOW_TO_GET_IT}")
    word = styled("up", "bold green", sys.stdout)
    print(f"\n{word}  {stack.settings.ui_ext_url}/     state in {stack.settings.root}")
    print(f"next: {command('hello')}   or   {command('run', after='python my_flow.py run')}")
    print(f"to stop: {command('down')}")


@goal(undoes=STAGES, help=PLAN_HELP)
def down(stack: Stack, plan: bool = False, serial: bool = False) -> None:
    """Stop the whole stack; nothing is lost."""
    print(f"\ndown; everything is kept in {stack.settings.root}")


@verb(positional=["program"], help={"program": "database, service, ui, proxy or sync; all of them if left out"})
def restart(stack: Stack, program: str = "") -> None:
    """Stop and start one program, or all; wait for its answer."""
    from metaflow_anywhere.graph import Progress
    from metaflow_anywhere.stack import stages
    from metaflow_anywhere.stack.questions import QUESTIONS

    wanted = [known_program(program)] if program else list(QUESTIONS)
    if not stack.supervisor.alive():
        raise AnywhereError("the stack is not up", run=command("up"))
    for name in reversed(wanted):
        stack.supervisor.stop(name)
    for name in wanted:
        print(f"{name}: {stages.BY_PROGRAM[name](stack).work(Progress(print))}")


@verb(help={
    "json": "for scripts", "wait": "wait until it is healthy", "timeout": "how long to wait, in seconds",
})  # fmt: skip
def status(stack: Stack, json: bool = False, wait: bool = False, timeout: int = 60) -> None:
    """How each program is; exit status 0 only if all is well."""
    from metaflow_anywhere.stack import status_table
    from metaflow_anywhere.stack.status import status as read_status
    from metaflow_anywhere.state.standing import read_standing

    deadline = time.monotonic() + timeout
    while True:
        found = read_status(stack)
        healthy = all(one.healthy for one in found)
        if healthy or not wait or time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    if json:
        standing = read_standing(stack.standing_file)
        document: dict[str, Any] = {
            "version": __version__, "healthy": healthy,
            "root": str(stack.settings.root), "url": stack.settings.ui_ext_url,
            "programs": [asdict(one) for one in found], "mirror": asdict(standing) if standing else None,
        }  # fmt: skip
        print(json_format.dumps(document, indent=2))
    else:
        status_table.show(stack, found)
    if not healthy:
        raise Exit(code=1)


@verb(
    positional=["program"],
    auto_shortflags=True,
    help={
        "program": "database, service, ui, proxy, sync, supervisord or hello; all of them if left out",
        "follow": "go on as lines are written",
        "n": "how many lines of each",
    },
)
def logs(stack: Stack, program: str = "", follow: bool = False, n: int = 40) -> None:
    """The last lines of the programs' logs."""
    from metaflow_anywhere.stack.questions import QUESTIONS

    folder = stack.settings.log_dir
    found = sorted(folder.glob("*.log")) if folder.is_dir() else []
    names = [path.stem for path in found]
    if program and program not in names:
        known = sorted({*names, *QUESTIONS, *OTHER_LOGS})
        if program not in known:
            close = closest(program, known)
            why = f"there are: {', '.join(known)}"
            raise AnywhereError(f"no program '{program}'", why=why, run=command("logs", close) if close else "")
        why = f"there are logs of: {', '.join(names) or 'nothing yet'}"
        raise AnywhereError(f"no log of {program} yet", why=why, run=command("logs") if names else command("up"))
    found = [folder / f"{program}.log"] if program else found
    if not found:
        raise AnywhereError("no logs yet", why=f"nothing in {folder}", run=command("up"))
    words = ["tail", "-n", str(n), *(["-F"] if follow else []), *map(str, found)]
    os.execvp("tail", words)  # noqa: S606


@verb(help={"format": "text, mermaid, dot or svg"})
def graph(stack: Stack, format: str = "text") -> None:
    """Draw the stages, what runs side by side, and how each is."""
    from metaflow_anywhere.graph import drawing
    from metaflow_anywhere.graph.tasks import graph_of, stages_of
    from metaflow_anywhere.stack import stages

    if format not in drawing.FORMATS:
        raise AnywhereError(f"no format '{format}'", why=f"there are: {', '.join(drawing.FORMATS)}")
    tasks = stages_of(up)
    verdicts: dict[str, Verdict] = {}
    if stack.supervisor.alive():
        verdicts = {name: stages.BY_NAME[name](stack).check() for name in tasks}
    print(drawing.FORMATS[format](graph_of(tasks), verdicts))


def known_program(name: str) -> str:
    """``name`` if it is a program of the stack; raises AnywhereError otherwise."""
    from metaflow_anywhere.stack.questions import QUESTIONS

    if name not in QUESTIONS:
        close = closest(name, QUESTIONS)
        why = f"there are: {', '.join(QUESTIONS)}"
        raise AnywhereError(f"no program '{name}'", why=why, run=command("restart", close) if close else "")
    return name
