"""What is said in the mirror when the database ends, and taken back when it starts again."""

from __future__ import annotations

import contextlib
import time

from metaflow_anywhere.errors import Explained
from metaflow_anywhere.hints import command
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.state.drive import DriveError
from metaflow_anywhere.state.life import read_life
from metaflow_anywhere.state.memory import write_memory
from metaflow_anywhere.state.standing import read_standing
from metaflow_anywhere.state.verdict import Memory

KILLED = "the database was killed before: its last commits may be on this machine only, until it is up here again"


def flush_mirror(stack: Stack) -> tuple[str, bool]:
    """Carry what a stopped database wrote last into the mirror; says so in a few words, and whether the mirror did not
    have all of it before. Raises AnywhereError."""
    life = read_life(stack.settings.pgdata_dir) if stack.data_exists else None
    if life is None:
        return "", False
    from metaflow_anywhere.state.ending import Hole, LogGone, flush
    from metaflow_anywhere.state.lease import Fenced, check_lease

    try:
        if not stack.drive.is_there():
            raise DriveError(f"{stack.drive.root} is gone (is the drive still mounted?)")
        check_lease(stack.drive, life.incarnation.name)
        done = flush(stack.drive, stack.cluster, life.incarnation)
        if done:
            write_memory(stack.memory_file, Memory(life.incarnation.name, done.end, time.time()))
        files = flush_files(stack)
    except Fenced as fenced:
        return f"; {fenced}, nothing was written to its mirror", False
    except Hole as hole:
        raise Explained(
            "the database is stopped, and the mirror has a hole: it cannot bring the newest state to another machine",
            why=str(hole),
            run=f"{command('up')}   (a new base makes up for it: the database is whole on this machine)",
        ) from hole
    except (DriveError, LogGone) as error:
        raise Explained(
            "the database is stopped, and its last commits are not in the mirror",
            why=str(error),
            run=f"{command('down')}   (again, once that is mended: they are safe on this machine)",
        ) from error
    if done is None:
        return f"{files}; {KILLED}", False
    return f"; all {done.transactions:,} transactions are in the mirror{files}", done.carried


def reopen_mirror(stack: Stack) -> None:
    """Call before the database is started: what its mirror says of its end is no longer so.

    A drive that fails keeps no database from starting; the mirror's program tries again, before it writes anything.
    """
    from metaflow_anywhere.state.claim import reopen

    if stack.data_exists:
        with contextlib.suppress(DriveError):
            reopen(stack.drive, stack.settings.pgdata_dir)


def flush_files(stack: Stack) -> str:
    """Copy what is not in root yet of the files that are written outside of it; says so in a few words.

    Raises AnywhereError.
    """
    if not stack.datastore_is_elsewhere:
        return ""
    from metaflow_anywhere.state.copies import CopyFailed, complete

    source, target = stack.settings.datastore_dir, stack.datastore_copy
    standing = read_standing(stack.standing_file)
    known = standing.files if standing else None
    try:
        until = known["until"] if known and known["source"] == str(source) else None
        complete(source, target, until, stack.reach)
    except CopyFailed as error:
        raise Explained(
            f"the stack is stopped, and not all of {source} is in {target}",
            why=str(error),
            run=f"{command('down')}   (again, once that is mended: nothing is lost on this machine)",
        ) from error
    return f"; all of {source} is in {target}"
