"""A place where a user works: a root, a port, an environment; the real command line is run there."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from metaflow_anywhere.settings import Settings, resolve
from metaflow_anywhere.stack.supervision import Supervisor

PROJECT = Path(__file__).parents[2]
FLOWS = Path(__file__).with_name("flows")
SCRIPTS = Path(sys.executable).parent
PATIENCE_SECONDS = 60.0
PORT_RANGES, PORTS_EACH = 8, 1500
GIVEN_PORTS: set[int] = set()
COMMAND_SECONDS = 240.0
USER_ID = 65534  # nobody: has a passwd entry everywhere


@dataclass(frozen=True)
class Result:
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str

    @property
    def printed(self) -> str:
        """Everything, for messages of failed assertions too."""
        return f"{self.out}\n{self.err}"


class Place:
    """A user's shell. ``prefix`` goes before each command (another user, another network)."""

    def __init__(self, folder: Path, state_dir: Path, prefix: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.work = folder / "work"
        self.work.mkdir()
        (folder / "home").mkdir()
        self.prefix = prefix
        self.project = PROJECT
        self.variables = {
            "PATH": f"{SCRIPTS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "MF_ROOT": str(self.root),
            "MF_STATE_DIR": str(state_dir),
            "MF_PORT": str(free_port()),
            "MF_METADATA_PORT": str(free_port()),
            "MF_DATABASE_PORT": str(free_port()),
            "MF_UI_METADATA_PORT": str(free_port()),
        }
        self.port = self.variables["MF_PORT"]
        self.last = Result(-1, "", "")
        self.notes: dict[str, Any] = {}

    @property
    def settings(self) -> Settings:
        """The settings as the command line resolves them here."""
        return resolve(environ=self.variables)

    @property
    def url(self) -> str:
        """The proxy."""
        return f"http://127.0.0.1:{self.settings.port}"

    def use_copy_of_the_project(self) -> Path:
        """Commands run a copy of the project from now on, which may be changed; returns its folder."""
        copy = self.folder / "project"
        copy.mkdir()
        for name in ("metaflow_anywhere", "tasks", "sql"):
            shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("tasks.py", "invoke.yaml", "pyproject.toml"):
            shutil.copy(PROJECT / name, copy)
        self.project = copy
        self.variables["PYTHONPATH"] = str(copy)
        return copy

    def run(self, *command: str) -> Result:
        """Run ``command`` to its end and remember its result as the last one."""
        self.last = self.ask(*command)
        return self.last

    def ask(self, *command: str) -> Result:
        """Run ``command`` to its end, to look at something."""
        done = subprocess.run(
            [*self.prefix, *command], cwd=self.project, env=self.variables, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start ``command``; its output is one stream."""
        return subprocess.Popen(
            [*self.prefix, *command], cwd=self.project, env=self.variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def flow(self, name: str, *arguments: str) -> list[str]:
        """The command line that runs one of the test flows against the stack."""
        return ["invoke", "run", "--", "bash", "-c", f'cd "{self.work}" && exec "$@"', "bash", sys.executable,
                str(FLOWS / f"{name}.py"), *arguments]  # fmt: skip

    def client(self, program: str) -> Any:
        """What the Python text ``program`` leaves in ``answer``, run with the client's settings in its own process."""
        text = f"import json\nfrom metaflow import *\nnamespace(None)\n{program}\nprint('ANSWER ' + json.dumps(answer))"
        done = self.ask("invoke", "run", "--", "bash", "-c", f'cd "{self.work}" && exec "$@"', "bash", sys.executable,
                        "-c", text)  # fmt: skip
        assert done.status == 0, done.printed
        return json.loads(done.out.rpartition("ANSWER ")[2])

    def status(self) -> dict[str, dict[str, Any]]:
        """What ``invoke status --json`` says of each program."""
        return {one["program"]: one for one in self.status_document()["programs"]}

    def status_document(self) -> dict[str, Any]:
        """All that ``invoke status --json`` says."""
        document: dict[str, Any] = json.loads(self.ask("invoke", "status", "--json").out)
        return document

    def pids(self) -> dict[str, int | None]:
        """The process of each program."""
        return {name: one["pid"] for name, one in self.status().items()}

    def supervised(self, name: str) -> int | None:
        """The process of a program as its supervisor tells it, without asking the program itself."""
        info = Supervisor.of(self.settings).info(name)
        return info.pid if info else None

    def processes(self) -> list[psutil.Process]:
        """Every process of this stack, its supervisor and PostgreSQL's children included."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                supervisor = str(self.settings.stack_dir / "supervisord.conf") in process.cmdline()
                if supervisor or process.environ().get("METAFLOW_ANYWHERE_STACK") == self.settings.stack_id:
                    found += [process, *process.children(recursive=True)]
        return list({one.pid: one for one in found}.values())

    def supervisor(self) -> psutil.Process:
        """The stack's supervisor."""
        return next(one for one in self.processes() if "supervisor.supervisord" in words_of(one))

    def kill_everything(self) -> None:
        """Kill every process of the stack, as the loss of the machine would."""
        doomed = self.processes()
        doomed.sort(key=lambda one: "supervisor.supervisord" not in words_of(one))  # first, or it starts others anew
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(doomed, timeout=60)

    def clean_up(self) -> None:
        """End the stack, whatever state a scenario left it in, and remove every file."""
        self.variables["MF_PORT"] = self.port  # a scenario may have made it nonsense
        self.kill_everything()
        settings = self.settings
        shutil.rmtree(settings.stack_dir, ignore_errors=True)
        shutil.rmtree(settings.run_dir, ignore_errors=True)


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; none if it has ended by now."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def free_port() -> int:
    """A loopback port that nobody uses, below those that the system hands out to others in the meantime.

    None is given twice, and each process of the test run has a range of its own: a stack listens only later.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PORT_RANGES
    first = 20000 + worker * PORTS_EACH
    while True:
        port = random.randrange(first, first + PORTS_EACH)
        if port in GIVEN_PORTS:
            continue
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            GIVEN_PORTS.add(port)
            return port


def eventually(question: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Ask until the answer is true; fails naming ``what``."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.05)
    return answer


@contextlib.contextmanager
def new_place(state_dir: Path, prefix: tuple[str, ...] = (), owner: int | None = None) -> Iterator[Place]:
    """A place of its own below /tmp (short, and open to PostgreSQL's user), cleaned up at the end."""
    with tempfile.TemporaryDirectory(prefix="mfa-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        place = Place(Path(name), state_dir, prefix)
        if owner is not None:
            for path in (Path(name), *Path(name).rglob("*")):
                os.chown(path, owner, owner)
        try:
            yield place
        finally:
            place.clean_up()


def words(text: str, replacements: Mapping[str, str] | None = None) -> list[str]:
    """A command line of a scenario as words."""
    import shlex

    for name, value in (replacements or {}).items():
        text = text.replace("{" + name + "}", value)
    return shlex.split(text)
