"""Talks to this stack's ``supervisord``: starts it, tells it what to run, asks it what runs, ends it.

One supervisor a stack, reached over a Unix socket. Whatever a crash or a reboot left behind is sorted out here.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow_anywhere.environment import program_environment
from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.graph import NotYet, Progress, wait_until
from metaflow_anywhere.later import psutil
from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder, open_private, write_private
from metaflow_anywhere.settings import Settings
from metaflow_anywhere.stack.overtaking import note_taken_down
from metaflow_anywhere.stack.supervisor_file import (
    FINGERPRINT_VARIABLE,
    FOLDER,
    PROGRAM_VARIABLE,
    STACK_VARIABLE,
    Program,
    render,
)

START_SECONDS = 15.0
END_SECONDS = 75.0  # longer than the slowest program's stop limit
ORPHAN_SECONDS = 10.0
DATABASE_SECONDS = 60.0  # PostgreSQL writes a checkpoint when it ends; killed meanwhile, it would have to recover
SUPERVISOR_UMASK = 0o077  # it makes its own log and pid file before it reads that its configuration says the same
CALL_SECONDS = 90.0  # a call may wait for the end of the slowest program
LOOK_SECONDS = 10.0  # one that only looks; a supervisor that hangs keeps nobody longer
ALREADY_STARTED = 60  # supervisor's fault number (http://supervisord.org/api.html lists them in xmlrpc.Faults)
USAGE = "For help, use"  # how supervisord ends each complaint


@dataclass(frozen=True)
class Info:
    """What the supervisor knows of a program; ``since`` is the time of its last start or stop (seconds, epoch)."""

    name: str
    state: str
    pid: int | None
    since: float
    description: str

    @property
    def running(self) -> bool:
        """Whether a process is there (answering is another question)."""
        return self.state in ("STARTING", "RUNNING")


class NotReadable(Exception):
    """The supervisor that runs cannot read its file as we write it, because of the text."""


class Supervisor:
    """The supervisor of the stack ``stack_id``, whose files are in ``folder``, ``logs`` and ``sockets``."""

    def __init__(self, stack_id: str, folder: Path, logs: Path, sockets: Path) -> None:
        self.stack_id = stack_id
        self.folder = folder
        self.logs = logs
        self.socket = sockets / "supervisor.sock"
        self.configuration = folder / "supervisord.conf"
        self.log = logs / "supervisord.log"

    @classmethod
    def of(cls, settings: Settings) -> Supervisor:
        """The supervisor of the stack that ``settings`` describe."""
        return cls(settings.stack_id, settings.stack_dir, settings.log_dir, settings.run_dir)

    # ---- asking

    def alive(self) -> bool:
        """Whether it answers."""
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            return bool(self._call("getState", seconds=LOOK_SECONDS)["statename"] == "RUNNING")
        return False

    def programs(self) -> dict[str, Info]:
        """All programs it knows, by name; none if it does not answer."""
        try:
            found = self._call("getAllProcessInfo", seconds=LOOK_SECONDS)
        except (OSError, xmlrpc.client.Error):
            return {}
        return {one["name"]: _info(one) for one in found}

    def info(self, name: str) -> Info | None:
        """One program, or None if the supervisor does not answer or does not know it."""
        return self.programs().get(name)

    def is_current(self, program: Program) -> bool:
        """Whether the process that runs is of ``program`` exactly as it is now.

        The process itself is asked: the configuration file is ahead of it while others are being stopped for a change.
        """
        info = self.info(program.name)
        with contextlib.suppress(psutil.Error, OSError):
            if info is not None and info.pid is not None:
                return psutil.Process(info.pid).environ().get(FINGERPRINT_VARIABLE) == program.mark
        return False

    def lost(self) -> dict[str, int]:
        """The processes of programs that run although no supervisor answers, by the program's name; none if one does.

        So a supervisor that is gone is told from a stack that is down.
        """
        found: dict[str, int] = {}
        if self.alive():
            return found
        for process in self._leftovers():
            with contextlib.suppress(psutil.Error, OSError):
                if (name := process.environ().get(PROGRAM_VARIABLE)) and not self._is_of_another(process):
                    found.setdefault(name, process.pid)  # its own children come after it
        return found

    def _is_of_another(self, process: psutil.Process) -> bool:
        """Whether a supervisor looks after ``process`` that has its files elsewhere: the same root, another folder."""
        above = [one.cmdline() for one in process.parents()]
        return any("supervisor.supervisord" in line and str(self.configuration) not in line for line in above)

    # ---- doing

    def ensure(self, programs: Callable[[], Sequence[Program]], progress: Progress) -> None:
        """Have a supervisor that answers and has been told of ``programs`` as they are now.

        What runs and has changed goes on as it was told before: `renew` is how its turn comes. A supervisor that is
        gone or hangs is replaced; what it left behind is ended first, and only then ``programs`` is called: it chooses
        ports, and those are held by what was left.
        """
        with self._lock():
            alive = self.alive()
            if not alive:
                self.end_leftovers(progress)
            wanted = programs()
            changed = self._write(wanted)
            if not alive:
                self._forget_others(wanted)
                self._launch(progress)
            elif changed:
                try:
                    self._reread()
                except NotReadable as why:
                    progress.say(f"the supervisor is of another release ({why}): it is replaced, and all that it runs")
                    self._shut_down(progress)
                    self._launch(progress)

    def renew(self, program: Program) -> bool:
        """If the supervisor was told anew of ``program``, stop it as it was; True if so. To be started by `start`."""
        with self._lock():
            _, changed, _ = self._differences()
            if program.name not in changed:
                return False
            self._replace(program.name)
            self._forget_others([program], f"{program.name}-*.json")
            return True

    def _write(self, programs: Sequence[Program]) -> bool:
        """Write what supervisord and ``launch`` read; True if supervisord has to read anew."""
        text = os.fsencode(render(self.stack_id, self.folder, self.logs, self.socket, programs))
        for one in programs:
            if not os.access(one.command[0], os.X_OK):
                raise AnywhereError(f"{one.name} cannot be started", why=f"no program {one.command[0]}")
            document = one.document(self.stack_id, os.environ).encode("ascii")
            _write_private(self.folder / one.file_name, document)
        if self.configuration.exists() and self.configuration.read_bytes() == text:
            return False
        _write_private(self.configuration, text)
        return True

    def _forget_others(self, programs: Sequence[Program], names: str = "*.json") -> None:
        """Remove what ``launch`` was told of programs as they were before."""
        known = {self.folder / one.file_name for one in programs}
        for path in (self.folder / FOLDER).glob(names):
            if path not in known:
                path.unlink(missing_ok=True)

    def start(self, name: str) -> None:
        """Ask for ``name`` to run; returns at once. Raises AnywhereError if the supervisor cannot."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != ALREADY_STARTED:
                raise AnywhereError(f"{name} cannot be started", why=fault.faultString, log=self.log) from None

    def stop(self, name: str) -> bool:
        """End ``name`` and wait for it; True if it was running."""
        info = self.info(name)
        if info is None:
            return False
        with contextlib.suppress(xmlrpc.client.Fault):  # not running, or already gone
            self._call("stopProcess", name, True)
            return True
        return False

    def signal(self, name: str, signal_name: str) -> None:
        """Send the process of ``name`` a signal, if it runs; the supervisor brings back what ends by it.

        Raises OSError if the supervisor does not answer.
        """
        with contextlib.suppress(xmlrpc.client.Fault):  # it does not run
            self._call("signalProcess", name, signal_name)

    def shut_down(self, progress: Progress, *, for_good: bool = False) -> None:
        """End the supervisor and everything it runs, and wait for it; safe if there is none.

        ``for_good``: whoever has begun by now shall start nothing more (see ``overtaking``).
        """
        with self._lock():
            if for_good:
                note_taken_down(self.folder)
            self._shut_down(progress)
            self.configuration.unlink(missing_ok=True)

    def _shut_down(self, progress: Progress) -> None:
        pid = None
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            pid = self._call("getPID", seconds=LOOK_SECONDS)
            self._call("shutdown")
        deadline = time.monotonic() + END_SECONDS
        while pid and _lives(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.end_leftovers(progress)

    def end_leftovers(self, progress: Progress) -> int:
        """End supervisors of this stack that do not answer, then the programs they left; returns how many there were.

        First politely, then by force. Processes are told by their command line and environment, never by a stale pid.
        """
        leftovers = self._leftovers()
        if leftovers:
            progress.say(f"ending {len(leftovers)} left-over process{'es' if len(leftovers) > 1 else ''}")
        for one in leftovers:
            with contextlib.suppress(psutil.Error):
                # PostgreSQL's polite end is INT: on TERM it would wait for its clients.
                one.send_signal(signal.SIGINT if "postgres" in one.name() else signal.SIGTERM)
                one.send_signal(signal.SIGCONT)  # one that somebody stopped could not even end itself
        _, stubborn = psutil.wait_procs(leftovers, timeout=ORPHAN_SECONDS)
        databases = [one for one in stubborn if one.is_running() and "postgres" in one.name()]
        psutil.wait_procs(databases, timeout=DATABASE_SECONDS - ORPHAN_SECONDS)
        for one in stubborn:
            with contextlib.suppress(psutil.Error):
                one.kill()
        psutil.wait_procs(stubborn, timeout=ORPHAN_SECONDS)
        return len(leftovers)

    def _leftovers(self) -> list[psutil.Process]:
        supervisors: list[psutil.Process] = []
        orphans: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid == os.getpid():
                    continue
                if str(self.configuration) in process.cmdline():
                    found = supervisors
                else:
                    environ = process.environ()
                    if environ.get(STACK_VARIABLE) != self.stack_id or FINGERPRINT_VARIABLE not in environ:
                        continue
                    found = orphans
                if _lives(process.pid):
                    found.append(process)
        return supervisors + orphans

    # ---- inside

    def _launch(self, progress: Progress) -> None:
        self.socket.unlink(missing_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.configuration)]
        started = subprocess.run(
            command, cwd=self.folder, env=program_environment(os.environ), stdin=subprocess.DEVNULL,
            capture_output=True, check=False, start_new_session=True, umask=SUPERVISOR_UMASK,
        )  # fmt: skip
        if started.returncode != 0:
            said = (started.stderr + started.stdout).decode("utf-8", "replace").splitlines()
            why = "\n".join(line for line in said if line.strip() and not line.startswith(USAGE))
            raise AnywhereError("the supervisor did not start", why=why, log=self.log)

        def answers() -> None:
            if not self.alive():
                raise NotYet("its socket does not answer")

        wait_until(answers, what="the supervisor", seconds=START_SECONDS, progress=progress, log=self.log)

    def _reread(self) -> None:
        """Have the supervisor read its file; what is new to it is added, what is gone from it ended."""
        added, _, removed = self._differences()
        for name in removed:
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
        for name in added:
            self._call("addProcessGroup", name)

    def _differences(self) -> tuple[list[str], list[str], list[str]]:
        """The programs that were added, changed and removed in its file since the supervisor was told of them."""
        try:
            ((added, changed, removed),) = self._call("reloadConfig")
        except xmlrpc.client.Fault as fault:
            raise NotReadable(fault.faultString) from None
        return added, changed, removed

    def _replace(self, name: str) -> None:
        self._call("stopProcessGroup", name)
        self._call("removeProcessGroup", name)
        self._call("addProcessGroup", name)

    def _call(self, method: str, *arguments: Any, seconds: float = CALL_SECONDS) -> Any:
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=_SocketTransport(self.socket, seconds))
        try:
            with server:
                return getattr(server.supervisor, method)(*arguments)
        except (xmlrpc.client.ProtocolError, http.client.HTTPException, OSError) as error:
            raise ConnectionError(str(error)) from error

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One at a time, whether stages of one run or two commands at once."""
        try:
            make_folder(self.folder / FOLDER, PRIVATE_FOLDER, PRIVATE_FOLDER)
            file = open_private(self.folder / "lock", "w")
        except OSError as error:
            raise AnywhereError("the stack's own folder cannot be written", why=reason(error)) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class _SocketTransport(xmlrpc.client.Transport):
    """XML-RPC over the Unix socket ``path``. (The supervisor's own one costs an import of its whole server.)"""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__()
        self.path, self.seconds = path, seconds

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """The connection, opened anew for each call."""
        connection = http.client.HTTPConnection("127.0.0.1", timeout=self.seconds)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(self.seconds)
        connection.sock.connect(str(self.path))
        self._connection = host, connection
        return connection


def _info(raw: Mapping[str, Any]) -> Info:
    running = raw["statename"] in ("STARTING", "RUNNING", "STOPPING")
    since = float(raw["start"] if running else raw["stop"] or raw["start"]) or time.time()
    return Info(raw["name"], raw["statename"], int(raw["pid"]) or None, since, raw["description"] or raw["spawnerr"])


def _lives(pid: int) -> bool:
    """Whether the process still runs; one that has ended and waits to be reaped by a slow init does not."""
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def _write_private(path: Path, content: bytes) -> None:
    """In one step, so that nobody reads half a file; for its owner only."""
    half = path.with_name(f".{path.name}.new")
    write_private(half, content)
    half.replace(path)


__all__ = ["FINGERPRINT_VARIABLE", "STACK_VARIABLE", "Info", "Program", "Supervisor"]
