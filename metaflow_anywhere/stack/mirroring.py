"""The program ``sync`` of a stack: the mirror of its database, and what happens when another machine takes over."""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
import threading
import time

import psutil

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.postgres.cluster import SUPERUSER
from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.stack.telling import start_telling
from metaflow_anywhere.state.copies import FileCopies, LogCopies
from metaflow_anywhere.state.lease import Fenced
from metaflow_anywhere.state.life import read_life
from metaflow_anywhere.state.standing import Reporter
from metaflow_anywhere.state.sync import Mirrored, Sync

FAST_STOP_SECONDS = 1.5  # a database that another machine has taken over must be gone within two


def main() -> None:
    """Mirror until told to end: SIGINT by the supervisor, SIGTERM when the machine is shut down."""
    stack = Stack(resolve())
    with contextlib.suppress(OSError):  # the mirror is worth more than telling of it
        start_telling(stack)
    life = read_life(stack.settings.pgdata_dir)
    if life is None:
        raise AnywhereError("this database has no incarnation to mirror", run="invoke sync")
    mirrored = Mirrored(
        stack.drive, stack.cluster, stack.conninfo(SUPERUSER, "postgres"), stack.conninfo(SUPERUSER),
        stack.folder / "mirror-stage",
    )  # fmt: skip
    sync = Sync(mirrored, life.incarnation, Reporter(stack.standing_file), lambda fenced: stop_database(stack, fenced))
    signal.signal(signal.SIGINT, lambda *_: sync.end())
    signal.signal(signal.SIGTERM, lambda *_: sync.end(machine_goes=True))
    copies = files_to_copy(stack)
    for one in copies:
        one.start()
    sync.run()
    for one in copies:
        one.stop()


def files_to_copy(stack: Stack) -> list[FileCopies | LogCopies]:
    """What is copied to root beside the database: our logs, and the datastore where it is elsewhere."""
    tell = functools.partial(print, flush=True)
    copies: list[FileCopies | LogCopies] = [LogCopies(stack.settings.log_dir, stack.log_copies, tell)]
    if stack.datastore_is_elsewhere:
        copies.append(FileCopies(stack.settings.datastore_dir, stack.datastore_copy, tell))
    return copies


def stop_database(stack: Stack, fenced: Fenced) -> None:
    """Stop the database for good (the supervisor must not bring it back): politely, then at once."""
    polite = threading.Thread(target=lambda: stack.supervisor.stop("database"), daemon=True)
    polite.start()
    polite.join(FAST_STOP_SECONDS)
    if polite.is_alive() and (pid := stack.cluster.server_pid()) is not None:
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).send_signal(signal.SIGQUIT)
    polite.join(FAST_STOP_SECONDS)
    print(f"{time.strftime('%H:%M:%S')} the database is stopped: {fenced}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except AnywhereError as error:
        print("\n".join(error.lines()), file=sys.stderr)
        sys.exit(1)
