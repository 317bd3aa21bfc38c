"""An upgrade while a foreach of 50 runs: whether anything failed, and the longest pause.

    python bench/stack/upgrade.py [--workers 16]

Twice: the code changes below the running stack, and a release in another folder takes over. One client beside the flow
asks all the time; ``refused`` are answers that are no answer and do not say to try again, ``later`` are those that do
(503 with ``Retry-After``; Metaflow's client tries again by itself), the pause is between two answers. The flow's tasks
write all the time, since each begins and ends with a few requests. Nothing is left behind.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests

PROJECT = Path(__file__).parents[2]
FOLDERS, FILES = ("metaflow_anywhere", "tasks", "sql"), ("tasks.py", "invoke.yaml", "pyproject.toml")
INVOKE = Path(sys.executable).with_name("invoke")
PAUSE_SECONDS = 0.02
FLOW = """
import time
from metaflow import FlowSpec, step

class Fan50(FlowSpec):
    @step
    def start(self):
        self.items = list(range(50))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        time.sleep(6)
        self.square = self.input ** 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.square for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.total == 40425

if __name__ == "__main__":
    Fan50()
"""


@dataclass
class Asker:
    """Asks ``url`` from its start to its end, one question after the other."""

    url: str
    answers: int = 0
    later: int = 0
    refused: list[str] = field(default_factory=list)
    longest: float = 0.0

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        last = time.monotonic()
        with requests.Session() as session:
            while not self._over.wait(PAUSE_SECONDS):
                try:
                    answer = session.get(self.url, timeout=120)
                except requests.RequestException as error:
                    self.refused.append(repr(error))
                    continue
                if answer.status_code == 200:
                    now = time.monotonic()
                    self.longest, last = max(self.longest, now - last), now
                    self.answers += 1
                elif "Retry-After" in answer.headers:
                    self.later += 1
                else:
                    self.refused.append(f"{answer.status_code} {answer.text[:80]}")

    def end(self) -> None:
        """Ask no more."""
        self._over.set()
        self._thread.join()


def copied(folder: Path) -> Path:
    """A copy of the project that may be changed."""
    folder.mkdir()
    for name in FOLDERS:
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(PROJECT / name, folder)
    return folder


def invoke(project: Path, environ: dict[str, str], *words: str) -> str:
    """Run a verb of the release in ``project``, which must succeed; what it printed."""
    done = subprocess.run(
        [INVOKE, *words], cwd=project, env={**environ, "PYTHONPATH": str(project)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"invoke {' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def measure(name: str, project: Path, environ: dict[str, str], flow: Path, workers: int, moment: Path) -> None:
    """Upgrade to the release in ``project`` while ``flow`` runs, and print what came of it."""
    url = f"http://127.0.0.1:{environ['MF_PORT']}/service/flows"
    with (moment / "flow.log").open("w+") as log:
        running = subprocess.Popen(
            [INVOKE, "run", "--", sys.executable, flow, "run", "--max-workers", str(workers)], cwd=project,
            env={**environ, "PYTHONPATH": str(project)}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        while (moment / "flow.log").read_text().count("[work/") < workers and running.poll() is None:
            time.sleep(0.1)
        asker, began = Asker(url), time.monotonic()
        printed = invoke(project, environ, "up")
        seconds = time.monotonic() - began
        at_work = running.poll() is None
        status = running.wait()
        asker.end()
        log.seek(0)
        told = [line for line in log.read().splitlines() if "Metadata request" in line or "rror" in line]
    assert "of another release" in printed, printed
    print(
        f"{name}: up took {seconds:.1f} s; the flow {'was still at work' if at_work else 'HAD ENDED BEFORE'}, ended"
        f" with status {status} and {len(told)} errors in its log; beside it {asker.answers:,} answers,"
        f" {asker.later} times 503 with Retry-After, {len(asker.refused)} refused, longest pause {asker.longest:.1f} s;"
        f" load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    for line in [*told[:5], *asker.refused[:5]]:
        print("   ", line)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=16)
    workers = parser.parse_args().workers
    with tempfile.TemporaryDirectory(prefix="mfa-bench-", dir="/tmp") as name, socket.socket() as free:
        place = Path(name)
        place.chmod(0o755)
        free.bind(("127.0.0.1", 0))
        dropped = ("MF_", "METAFLOW_", "VIRTUAL_ENV")
        environ = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        environ |= {
            "HOME": name, "MF_ROOT": str(place / "root"), "MF_STATE_DIR": str(place / "state"),
            "MF_PORT": str(free.getsockname()[1]), "METAFLOW_USER": "bench",
        }  # fmt: skip
        free.close()
        flow, project = place / "fan50.py", copied(place / "project")
        flow.write_text(FLOW)
        invoke(project, environ, "up")
        try:
            with (project / "metaflow_anywhere" / "service" / "routes.py").open("a") as code:
                code.write("\nCHANGED = True\n")
            measure("in place", project, environ, flow, workers, place)
            elsewhere = place / "next project"
            shutil.copytree(project, elsewhere)
            with (elsewhere / "metaflow_anywhere" / "service" / "routes.py").open("a") as code:
                code.write("\nCHANGED = 2\n")
            project = elsewhere
            measure("from another folder", project, environ, flow, workers, place)
        finally:
            invoke(project, environ, "down")


if __name__ == "__main__":
    main()
