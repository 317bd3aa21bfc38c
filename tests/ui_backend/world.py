"""Runs made by the real Metaflow client, and what the Client API says of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.service.running import await_condition

FLOWS = Path(__file__).with_name("flows")
RUN_SECONDS = 150.0


@dataclass
class Started:
    """A run that is being made."""

    process: subprocess.Popen[str]
    run_file: Path

    def finish(self) -> str:
        """Wait for its end; the run's id."""
        out, _ = self.process.communicate(timeout=RUN_SECONDS)
        assert self.run_file.exists(), out
        return self.run_file.read_text().strip()


@dataclass
class World:
    """A metadata service, a datastore, and a folder for users to work in."""

    service_url: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    @property
    def sysroot(self) -> Path:
        """The datastore's root."""
        return self.folder / "datastore"

    def client_environment(self, user: str) -> dict[str, str]:
        """What ``invoke env`` would export."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("MF_", "METAFLOW_"))}
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {
            **kept,
            "HOME": str(home),
            "METAFLOW_DEFAULT_METADATA": "service",
            "METAFLOW_SERVICE_URL": self.service_url,
            "METAFLOW_DEFAULT_DATASTORE": "local",
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self.sysroot),
            "METAFLOW_CLIENT_CACHE_PATH": str(self.folder / "client-cache"),
            "METAFLOW_USER": user,
            **self.environment,
        }

    def start(
        self, flow: str, *arguments: str, user: str = "ann", cwd: Path | None = None, verb: str = "run", **more: str
    ) -> Started:
        """Begin a run of one of the test flows; ``more`` are variables of its environment."""
        self._count += 1
        run_file = self.folder / f"run-{self._count}"
        cwd = cwd or self.folder / f"work-{self._count}"
        cwd.mkdir(exist_ok=True, parents=True)
        source = cwd / f"{flow}.py"
        if not source.exists():
            source.write_text((FLOWS / f"{flow}.py").read_text())
        command = [sys.executable, str(source), verb, "--run-id-file", str(run_file), *arguments]
        process = subprocess.Popen(
            command, cwd=cwd, env={**self.client_environment(user), **more}, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return Started(process, run_file)

    def start_and_kill(self, flow: str, awake: Path) -> str:
        """Begin a run, and end it without a word as soon as the file ``awake`` is there; the run's id."""
        started = self.start(flow, "--awake", str(awake))
        await_condition(awake.exists, RUN_SECONDS, f"{flow} is awake")
        os.killpg(started.process.pid, signal.SIGKILL)
        return started.finish()

    def ask(self, program: str, user: str = "ann", more: Mapping[str, str] | None = None) -> Any:
        """What the Python text ``program`` leaves in ``answer``, run with the client's settings."""
        text = f"import json\nfrom metaflow import *\nnamespace(None)\n{program}\nprint('ANSWER ' + json.dumps(answer))"
        done = subprocess.run(
            [sys.executable, "-c", text], env={**self.client_environment(user), **(more or {})}, cwd=self.folder,
            capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.rpartition("ANSWER ")[2])


@dataclass(frozen=True)
class Runs:
    """The runs of this test run, each by its id; see ``conftest.runs`` for what each is."""

    hello: str
    astray: str
    fan: str
    stumble: str
    resumed: str
    sleeper: str
    width: int
