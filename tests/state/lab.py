"""A machine for trials: a PostgreSQL of its own, a mirror beside it, and all the ways in which they can be lost."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg

from metaflow_anywhere.postgres import Cluster, Programs
from metaflow_anywhere.postgres.cluster import SUPERUSER
from metaflow_anywhere.state.catalogue import Incarnation
from metaflow_anywhere.state.claim import claim
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.restore import Report, Wanted, restore
from metaflow_anywhere.state.server import Server
from metaflow_anywhere.state.standing import Standing, read_standing
from tests.state.mirroring import Mirroring

PASSWORD = secrets.token_hex(8)
QUICK = {"tick": 0.1, "look": 0.5, "lease": 0.1, "upkeep": 0.2, "grace": 0.0, "longest_backoff": 0.5, "merge_at": 10}
PROJECT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0


class Machine:
    """One machine with a database of its own in ``folder``."""

    def __init__(self, programs: Programs, templates: Path, folder: Path) -> None:
        self.programs, self.templates, self.folder = programs, templates, folder
        folder.mkdir(mode=0o755)
        self.cluster = Cluster(programs, folder / "pgdata")
        self.socket = folder / "socket"
        self.socket.mkdir(mode=0o700)
        if programs.account:
            programs.account.owns(self.socket)
        self.pgpass = folder / "pgpass"
        self.pgpass.write_text(f"*:*:*:{SUPERUSER}:{PASSWORD}\n")
        self.pgpass.chmod(0o600)
        self.server: subprocess.Popen[bytes] | None = None
        self.sync: subprocess.Popen[bytes] | None = None
        self.standing_file = folder / "mirror.json"
        self.sync_log = folder / "sync.log"

    @property
    def conninfo(self) -> str:
        return f"host={self.socket} port=5432 user={SUPERUSER} dbname=postgres passfile={self.pgpass} connect_timeout=5"

    # ---- the database

    def create(self) -> None:
        """A new, empty cluster that knows the password."""
        self.cluster.create(self.templates)
        with self.cluster.private_server() as private, psycopg.connect(private, autocommit=True) as connection:
            connection.execute(f"ALTER ROLE {SUPERUSER} PASSWORD '{PASSWORD}'")

    def start(self) -> None:
        """Run the server until it answers."""
        self.cluster.configure({"unix_socket_directories": str(self.socket), "listen_addresses": ""})
        self.run_server()

    def run_server(self) -> None:
        """Run the server as it is."""
        self.cluster.forget_stale_pid()
        with (self.folder / "log").open("ab") as log:
            self.server = self.programs.popen("postgres", "-D", self.cluster.data, "-p", "5432", stdout=log, stderr=log)

        def answers() -> bool:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.conninfo):
                return True
            return False

        eventually(answers, "an answer of the database")

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.conninfo, autocommit=True, **options)

    def stop(self) -> None:
        """A fast shutdown."""
        self.cluster.stop()
        if self.server:
            self.server.wait(60)

    def kill(self) -> None:
        """The machine is gone: nothing says goodbye."""
        if self.sync:
            self.sync.kill()
            self.sync.wait()
            self.sync = None
        if (pid := self.cluster.server_pid()) is not None:
            everyone = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            for one in everyone:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(everyone, timeout=60)
        if self.server:
            self.server.wait(60)

    # ---- the mirror

    def claim(self, drive: Drive) -> Incarnation:
        """Become the newest incarnation on ``drive``."""
        server = Server(self.conninfo)
        try:
            return claim(drive, server, self.cluster.data, self.programs.account)
        finally:
            server.close()

    def mirroring(self, drive: Drive, **changes: Any) -> Mirroring:
        """What the mirror's process is told; ``changes`` are made to its quick pace."""
        programs = self.programs
        return Mirroring(
            str(programs.folder), programs.version, str(self.cluster.data), self.conninfo, str(drive.root),
            str(self.folder), pace={**QUICK, **changes},
        )  # fmt: skip

    def mirror(self, drive: Drive, told: Mirroring | None = None) -> Incarnation:
        """Claim ``drive`` and mirror to it in a process; returns once the first base is there and all is shipped."""
        one = self.claim(drive)
        self.start_sync(told or self.mirroring(drive))
        eventually(lambda: (now := self.standing) and now.well, "a first base")
        return one

    def start_sync(self, told: Mirroring) -> None:
        """Run the mirror's process."""
        self.standing_file.unlink(missing_ok=True)
        with self.sync_log.open("ab") as log:
            self.sync = subprocess.Popen(told.command(), cwd=PROJECT, stdout=log, stderr=log, start_new_session=True)

    @property
    def standing(self) -> Standing | None:
        """What the mirror says of itself."""
        return read_standing(self.standing_file)

    def flushed(self) -> int:
        server = Server(self.conninfo)
        try:
            return server.flushed()
        finally:
            server.close()

    def await_mirrored(self) -> None:
        """Wait until everything that is committed now is on the drive."""
        goal = self.flushed()
        eventually(lambda: (now := self.standing) and now.position >= goal, "the mirror")

    def end_sync(self, *, machine_goes: bool = False) -> None:
        """Ask the mirror to end, without waiting for it; ``machine_goes`` as a machine that is shut down does."""
        assert self.sync
        self.sync.send_signal(signal.SIGTERM if machine_goes else signal.SIGINT)

    def await_sync(self) -> None:
        """Wait for the mirror's end."""
        assert self.sync
        assert self.sync.wait(60) == 0, self.sync_log.read_text()
        self.sync = None

    def shut_down(self) -> None:
        """What the shutdown of a machine does: everything is asked to end at the same time."""
        self.end_sync(machine_goes=True)
        self.stop()
        self.await_sync()

    def restore(self, drive: Drive, wanted: Wanted | None = None, **more: Any) -> Report:
        wanted = wanted or Wanted(accept_loss=True)
        return restore(self.programs, drive, self.cluster.data, wanted, handover=0.0, **more)

    def clean_up(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def eventually(question: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Ask until the answer is true; fails naming ``what``."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.01)
    return answer


@contextlib.contextmanager
def machines(programs: Programs, templates: Path, folder: Path) -> Iterator[Callable[[], Machine]]:
    """Makes machines that are cleaned up at the end."""
    made: list[Machine] = []

    def make() -> Machine:
        made.append(Machine(programs, templates, folder / f"m{len(made)}"))
        return made[-1]

    try:
        yield make
    finally:
        for machine in made:
            machine.clean_up()
