"""The program ``sync`` of a stack: the mirror of its database, and what happens when another machine takes over."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from dataclasses import asdict

import psutil

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command
from metaflow_anywhere.postgres.cluster import SUPERUSER
from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack.claiming import await_claimed
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.stack.telling import start_telling
from metaflow_anywhere.state.copies import FileCopies
from metaflow_anywhere.state.lease import Fenced
from metaflow_anywhere.state.life import read_life
from metaflow_anywhere.state.log_copies import LogCopies
from metaflow_anywhere.state.memory import write_memory
from metaflow_anywhere.state.pace import Mirrored
from metaflow_anywhere.state.standing import Reporter
from metaflow_anywhere.state.sync import Sync
from metaflow_anywhere.state.verdict import Memory

COPY_SECONDS = 8.0  # a machine that goes away gives about ten
FAST_STOP_SECONDS = 1.5  # a database that another machine has taken over must be gone within two


def main() -> None:
    """Mirror until told to end: SIGINT by the supervisor, SIGTERM when the machine is shut down."""
    stack = Stack(resolve())
    with contextlib.suppress(OSError):  # the mirror is worth more than telling of it
        start_telling(stack)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is to be finished before the mirror is ours
    await_claimed(stack.folder)
    life = read_life(stack.settings.pgdata_dir)
    if life is None:
        raise AnywhereError("this database has no incarnation to mirror", run=command("sync"))
    mirrored = Mirrored(
        stack.drive, stack.cluster, stack.conninfo(SUPERUSER, "postgres"), stack.conninfo(SUPERUSER),
        stack.stage,
    )  # fmt: skip
    name = life.incarnation.name
    reporter = Reporter(
        stack.standing_file,
        remember=lambda position: write_memory(stack.memory_file, Memory(name, position, time.time())),
    )
    copies = files_to_copy(stack, reporter)

    def fenced(by: Fenced) -> None:
        end_copies(copies, 0)  # what flows write here now is not of the run that has this number there
        stop_database(stack, by)

    sync = Sync(mirrored, life.incarnation, reporter, fenced, log=say)

    def end(*, machine_goes: bool) -> None:
        sync.end(machine_goes=machine_goes)
        end_copies(copies, COPY_SECONDS)

    signal.signal(signal.SIGINT, lambda *_: end(machine_goes=False))
    signal.signal(signal.SIGTERM, lambda *_: end(machine_goes=True))
    for one in copies:
        one.start()
    sync.run()
    for one in copies:
        one.join()
    reporter.tell(force=True)


def files_to_copy(stack: Stack, reporter: Reporter) -> list[FileCopies | LogCopies]:
    """What is copied to root beside the database: our logs, and the datastore where it is elsewhere."""
    beside, logs = stack.drive.root, stack.settings.log_dir
    copies: list[FileCopies | LogCopies] = [LogCopies(logs, stack.log_copies, beside, say, reach=stack.reach)]
    if stack.datastore_is_elsewhere:
        source, target = stack.settings.datastore_dir, stack.datastore_copy
        copies.append(
            FileCopies(source, target, beside, say, lambda copied: reporter.tell(files=asdict(copied)), stack.reach)
        )
    return copies


def end_copies(copies: list[FileCopies | LogCopies], seconds: float) -> None:
    """Have them copy what is left, in so many seconds at most; an earlier request to end stays."""
    for one in copies:
        one.end(seconds)


def say(text: str) -> None:
    """A line for the log, with the time in UTC, as the other programs' logs have it."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    print(f"{stamp}.{int(now * 1000) % 1000:03d}Z {text}", flush=True)


def stop_database(stack: Stack, fenced: Fenced) -> None:
    """Stop the database for good (the supervisor must not bring it back): politely, then at once."""
    polite = threading.Thread(target=lambda: stack.supervisor.stop("database"), daemon=True)
    polite.start()
    polite.join(FAST_STOP_SECONDS)
    if polite.is_alive() and (pid := stack.cluster.server_pid()) is not None:
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).send_signal(signal.SIGQUIT)
    polite.join(FAST_STOP_SECONDS)
    say(f"the database is stopped: {fenced}")


if __name__ == "__main__":
    try:
        main()
    except AnywhereError as error:
        for line in error.lines():
            say(line)
        sys.exit(1)
