"""Talks to this stack's ``supervisord``: starts it, tells it what to run, asks it what runs, ends it.

One supervisor a stack, reached over a Unix socket. Whatever a crash or a reboot left behind is sorted out here.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import os
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.graph import NotYet, Progress, wait_until
from metaflow_anywhere.later import psutil
from metaflow_anywhere.settings import Settings

STACK_VARIABLE = "METAFLOW_ANYWHERE_STACK"  # in every program's environment, so that orphans can be told
FINGERPRINT_VARIABLE = "METAFLOW_ANYWHERE_FINGERPRINT"
START_SECONDS = 15.0
END_SECONDS = 75.0  # longer than the slowest program's stop limit
ORPHAN_SECONDS = 10.0
LOG_BYTES = 10 * 1024 * 1024
OLD_LOGS = 3
START_RETRIES = 10
CALL_SECONDS = 90.0  # a call may wait for the end of the slowest program
ALREADY_STARTED = 60  # supervisor's fault number (http://supervisord.org/api.html lists them in xmlrpc.Faults)
LAST_PRIORITY = 900  # supervisord ends those with the highest number first


@dataclass(frozen=True)
class Program:
    """One program of the stack, as its supervisor is told of it.

    ``command`` is an argument list; ``environment`` is added to the supervisor's; ``fingerprint`` is any text that
    changes when the program has to be restarted to notice (its configuration files, the version of its code).
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    ends_after: int = 0  # when the supervisor ends all of them, those with lower numbers go first


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
            return bool(self._call("getState")["statename"] == "RUNNING")
        return False

    def programs(self) -> dict[str, Info]:
        """All programs it knows, by name; none if it does not answer."""
        try:
            found = self._call("getAllProcessInfo")
        except (OSError, xmlrpc.client.Error):
            return {}
        return {one["name"]: _info(one) for one in found}

    def info(self, name: str) -> Info | None:
        """One program, or None if the supervisor does not answer or does not know it."""
        return self.programs().get(name)

    def is_current(self, program: Program) -> bool:
        """Whether the running supervisor was told of ``program`` exactly as it is now."""
        with contextlib.suppress(OSError):
            return self._section(program) in self.configuration.read_text()
        return False

    # ---- doing

    def ensure(self, programs: Callable[[], Sequence[Program]], progress: Progress) -> None:
        """Have a supervisor that answers and knows ``programs`` as they are now. Changed ones are stopped, not started.

        A supervisor that is gone or hangs is replaced; what it left behind is ended first, and only then ``programs``
        is called: it chooses ports, and those are held by what was left.
        """
        with self._lock():
            alive = self.alive()
            if not alive:
                self.end_leftovers(progress)
            text = self._render(programs())
            if alive:
                if not self.configuration.exists() or self.configuration.read_text() != text:
                    self.configuration.write_text(text)
                    self._reread()
                return
            self.configuration.write_text(text)
            self.configuration.chmod(0o600)
            self._launch(progress)

    def start(self, name: str) -> None:
        """Ask for ``name`` to run; returns at once."""
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

    def shut_down(self, progress: Progress) -> None:
        """End the supervisor and everything it runs, and wait for it; safe if there is none."""
        with self._lock():
            pid = None
            with contextlib.suppress(OSError, xmlrpc.client.Error):
                pid = self._call("getPID")
                self._call("shutdown")
            deadline = time.monotonic() + END_SECONDS
            while pid and _lives(pid) and time.monotonic() < deadline:
                time.sleep(0.02)
            self.end_leftovers(progress)
            self.configuration.unlink(missing_ok=True)

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
                one.send_signal(2 if "postgres" in one.name() else 15)
        _, stubborn = psutil.wait_procs(leftovers, timeout=ORPHAN_SECONDS)
        for one in stubborn:
            with contextlib.suppress(psutil.Error):
                one.kill()
        psutil.wait_procs(stubborn, timeout=ORPHAN_SECONDS)
        return len(leftovers)

    def _leftovers(self) -> list[psutil.Process]:
        supervisors, orphans = [], []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid == os.getpid() or not _lives(process.pid):
                    continue
                if str(self.configuration) in process.cmdline():
                    supervisors.append(process)
                elif process.environ().get(STACK_VARIABLE) == self.stack_id and FINGERPRINT_VARIABLE in (
                    process.environ()
                ):
                    orphans.append(process)
        return supervisors + orphans

    # ---- inside

    def _launch(self, progress: Progress) -> None:
        self.socket.unlink(missing_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.configuration)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("METAFLOW_")}
        started = subprocess.run(
            command, cwd="/", env=environment, capture_output=True, text=True, check=False, start_new_session=True
        )
        if started.returncode != 0:
            why = (started.stderr or started.stdout).strip().splitlines()
            raise AnywhereError("the supervisor did not start", why=why[-1] if why else "", log=self.log)

        def answers() -> None:
            if not self.alive():
                raise NotYet("its socket does not answer")

        wait_until(answers, what="the supervisor", seconds=START_SECONDS, progress=progress, log=self.log)

    def _reread(self) -> None:
        try:
            ((added, changed, removed),) = self._call("reloadConfig")
            for name in [*changed, *removed]:
                self._call("stopProcessGroup", name)
                self._call("removeProcessGroup", name)
            for name in [*changed, *added]:
                self._call("addProcessGroup", name)
        except xmlrpc.client.Fault as fault:
            raise AnywhereError(
                "the supervisor refused its configuration", why=fault.faultString, log=self.log
            ) from None

    def _call(self, method: str, *arguments: Any) -> Any:
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=_SocketTransport(self.socket))
        try:
            with server:
                return getattr(server.supervisor, method)(*arguments)
        except (xmlrpc.client.ProtocolError, http.client.HTTPException, OSError) as error:
            raise ConnectionError(str(error)) from error

    def _render(self, programs: Sequence[Program]) -> str:
        pidfile = self.folder / "supervisord.pid"
        user = "user=root\n" if os.geteuid() == 0 else ""
        head = f"""; written by metaflow-anywhere at each start
[supervisord]
logfile={_ini(self.log)}
logfile_maxbytes={LOG_BYTES}
logfile_backups=1
pidfile={_ini(pidfile)}
directory=/
umask=077
identifier={self.stack_id}
{user}[unix_http_server]
file={_ini(self.socket)}
chmod=0600
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
        return head + "".join(self._section(program) for program in programs)

    def _section(self, program: Program) -> str:
        mark = hashlib.sha256(program.fingerprint.encode()).hexdigest()[:16]
        environment = {**program.environment, STACK_VARIABLE: self.stack_id, FINGERPRINT_VARIABLE: mark}
        pairs = ",".join(f'{name}="{_ini(value)}"' for name, value in sorted(environment.items()))
        return f"""[program:{program.name}]
command={_ini(shlex.join(program.command))}
environment={pairs}
directory=/
autostart=false
autorestart=true
priority={LAST_PRIORITY - program.ends_after}
startsecs=1
startretries={START_RETRIES}
stopsignal={program.stop_signal}
stopwaitsecs={program.stop_seconds}
redirect_stderr=true
stdout_logfile={_ini(self.logs / f"{program.name}.log")}
stdout_logfile_maxbytes={LOG_BYTES}
stdout_logfile_backups={OLD_LOGS}
"""

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One at a time, whether stages of one run or two commands at once."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise AnywhereError("the stack's own folder cannot be written", why=reason(error)) from error


class _SocketTransport(xmlrpc.client.Transport):
    """XML-RPC over the Unix socket ``path``. (The supervisor's own one costs an import of its whole server.)"""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """The connection, opened anew for each call."""
        connection = http.client.HTTPConnection("127.0.0.1", timeout=CALL_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(CALL_SECONDS)
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


def _ini(value: object) -> str:
    """``value`` for supervisord's configuration, in which a percent sign begins an expansion."""
    return str(value).replace("%", "%%")
