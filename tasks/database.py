"""Stages of the database, and the way in for SQL."""

import os

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import Stage
from metaflow_anywhere.stack import Stack, stages
from tasks.common import stage, verb
from tasks.prepare import pull_images


@stage(needs=[pull_images])
def restore_snapshot(stack: Stack) -> Stage:
    """Stage: the database, from the mirror if none is here."""
    return stages.RestoreSnapshot(stack)


@stage(needs=[restore_snapshot])
def init_schema(stack: Stack) -> Stage:
    """Stage: the cluster if there is none, and sql/ in order."""
    return stages.InitSchema(stack)


@stage(needs=[init_schema])
def start_db(stack: Stack) -> Stage:
    """Stage: PostgreSQL, ready for clients."""
    return stages.StartDatabase(stack)


@verb()
def psql(stack: Stack, remainder: str) -> None:
    """An SQL prompt on the database: invoke psql [-- OPTIONS]."""
    if not stack.supervisor.alive():
        raise AnywhereError("the database is not running", run="invoke start-db")
    program = str(stack.programs_of_postgres.path("psql"))
    words = [program, stack.conninfo(), *split_remainder(remainder)]
    os.execv(program, words)  # noqa: S606  # no shell is wanted


def split_remainder(remainder: str) -> list[str]:
    """The words after ``--``. Invoke joins them with spaces and forgets their quotes: take them from the system."""
    import sys  # noqa: PLC0415

    return sys.argv[sys.argv.index("--") + 1 :] if remainder and "--" in sys.argv else []
