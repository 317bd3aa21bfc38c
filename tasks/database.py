"""Stages of the database, and the way in for SQL."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal, cast

from metaflow_anywhere.errors import AnywhereError

from .common import stage, verb
from .prepare import pull_images

if TYPE_CHECKING:
    from metaflow_anywhere.graph import Stage
    from metaflow_anywhere.stack import Stack
    from metaflow_anywhere.state.verdict import Choice


@stage(
    needs=[pull_images],
    help={
        "at": "the state of a moment: '2026-11-22 14:05'",
        "snapshot": "a snapshot, by its name",
        "from": "the mirror in another root",
        "incarnation": "the end of another history, as snapshots lists it",
        "replace": "move the database that is here aside",
        "accept-loss": "also if there was more than can be restored now",
        "new": "begin a new, empty mirror, although there are signs of another; that one is kept",
        "keep": "where two databases went on from one state: local or mirror",
        "dry-run": "say what would be restored, and do nothing",
    },
)
def restore_snapshot(
    stack: Stack, at: str = "", snapshot: str = "", from_: str = "", incarnation: str = "", replace: bool = False,
    dry_run: bool = False, accept_loss: bool = False, new: bool = False, keep: str = "",
) -> Stage:  # fmt: skip
    """Stage: the database, from the mirror if none is here."""
    from metaflow_anywhere.stack import stages

    wanted = None
    if at or from_ or snapshot or incarnation:
        from metaflow_anywhere.state.restore import Wanted

        moment = stages.moment(at) if at else None
        base = None
        if snapshot or incarnation:
            from metaflow_anywhere.stack import keeping
        if snapshot:
            base = keeping.folder_of(stack, snapshot)
        source = stages.mirror_of(from_) if from_ else None
        tip = keeping.incarnation_of(source or stack.drive, incarnation) if incarnation else None
        wanted = Wanted(at=moment, base=base, source=source, tip=tip)
    return stages.RestoreSnapshot(
        stack, wanted=wanted, replace=replace, dry_run=dry_run, accept_loss=accept_loss, choice=choice_of(new, keep)
    )


def choice_of(new: bool, keep: str) -> Choice:
    """What the user decided about a mirror. Raises AnywhereError."""
    from metaflow_anywhere.hints import command
    from metaflow_anywhere.state.verdict import Choice

    if keep not in ("", "local", "mirror"):
        raise AnywhereError(f"--keep {keep}: what is kept is 'local' or 'mirror'", run=command("up", keep="local"))
    return Choice(new=new, keep=cast("Literal['', 'local', 'mirror']", keep))


@stage(needs=[restore_snapshot])
def init_schema(stack: Stack) -> Stage:
    """Stage: the cluster if there is none, and sql/ in order."""
    from metaflow_anywhere.stack import stages

    return stages.InitSchema(stack)


@stage(needs=[init_schema])
def start_db(stack: Stack) -> Stage:
    """Stage: PostgreSQL, ready for clients."""
    from metaflow_anywhere.stack import stages

    return stages.StartDatabase(stack)


@verb(help={"command": "run this and end, as psql's own -c"}, auto_shortflags=True)
def psql(stack: Stack, remainder: str, command: str = "") -> None:
    """An SQL prompt on the database: psql [-- OPTIONS]."""
    from metaflow_anywhere import hints

    if not stack.supervisor.alive():
        raise AnywhereError("the database is not running", run=hints.command("start-db"))
    program = str(stack.programs_of_postgres.path("psql"))
    words = [program, stack.conninfo(), *(["-c", command] if command else []), *split_remainder(remainder)]
    os.execv(program, words)  # noqa: S606  # no shell is wanted


def split_remainder(remainder: str) -> list[str]:
    """The words after ``--``. Invoke joins them with spaces and forgets their quotes: take them from the system."""
    return sys.argv[sys.argv.index("--") + 1 :] if remainder and "--" in sys.argv else []
