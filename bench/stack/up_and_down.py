"""How long the everyday commands take as whole processes, what CPU they cost, and what the stack weighs.

    python bench/stack/up_and_down.py [--runs 5] [--before PATH]

``--before`` is another checkout with an environment of its own in ``.venv``: both are measured in turns. Prints a
Markdown table with the machine's name: medians of wall-clock seconds, of CPU seconds of the command itself, and those
as multiples of what cannot be gone below, Python and Invoke alone (``invoke --version`` in an empty folder). Memory is
of a stack that idles, of one that was written to and read from for a while, and later. Ports are picked free; nothing
is left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests

PROJECT = Path(__file__).parents[2]
MIB = 1024 * 1024
WRITERS, RUNS_EACH, TASKS_EACH = 8, 40, 4
WAIT_SECONDS = 75.0  # after a load: longer than what is kept for the next who asks


@dataclass
class Checkout:
    """One version of the product, its stack's place, and what was measured of it."""

    name: str
    folder: Path
    place: Path
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[str, dict[str, int]] = field(default_factory=dict)
    roots: int = 0

    def __post_init__(self) -> None:
        self.place.mkdir(mode=0o755)
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        dropped = ("MF_", "METAFLOW_", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        self.environ = {
            **kept, "MF_STATE_DIR": str(self.place / "state"), "MF_PORT": str(self.port), "HOME": str(self.place),
        }  # fmt: skip
        self.begin_anew()

    def run(self, command: str, *, called: str = "", cwd: Path | None = None) -> str:
        """Run ``invoke command``, which must succeed, and keep its figures as those of ``called``; its output."""
        began = time.perf_counter()
        process = subprocess.Popen(
            [self.folder / ".venv/bin/invoke", *command.split()], cwd=cwd or self.folder, env=self.environ,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"{self.name}: invoke {command} ended with {process.returncode}:\n{printed}")
        if called:
            self.seconds[called].append(time.perf_counter() - began)
            self.cpu[called].append(usage.ru_utime + usage.ru_stime)
        return printed

    def begin_anew(self) -> None:
        """Another root, empty, from now on: one that was emptied would be refused, since there had been something."""
        self.roots += 1
        self.environ["MF_ROOT"] = str(self.place / f"root-{self.roots}")

    def weigh(self, when: str) -> None:
        """The memory of each program, in bytes."""
        programs = json.loads(self.run("status --json"))["programs"]
        self.memory[when] = {one["program"]: one["memory"] or 0 for one in programs}

    def load(self) -> None:
        """Flows that write and pages that read, from WRITERS connections of each kind."""
        work = [
            threading.Thread(target=one, args=(number,))
            for number in range(WRITERS)
            for one in (self._write, self._read)
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()

    def _write(self, number: int) -> None:
        url = f"http://127.0.0.1:{self.port}/service/flows/Flow{number}"
        with requests.Session() as session:
            session.post(url, json={"user_name": "u"})
            for _ in range(RUNS_EACH):
                run = session.post(f"{url}/run", json={"user_name": "u"}).json()["run_number"]
                step = f"{url}/runs/{run}/steps/start"
                session.post(f"{step}/step", json={"user_name": "u"})
                for _ in range(TASKS_EACH):
                    task = f"{step}/tasks/{session.post(f'{step}/task', json={'user_name': 'u'}).json()['task_id']}"
                    rows = [
                        {"field_name": name, "value": "0", "type": name, "user_name": "u"}
                        for name in ("attempt", "attempt_ok")
                    ]
                    session.post(f"{task}/metadata", json=rows)
                    session.post(f"{task}/heartbeat", json={})

    def _read(self, number: int) -> None:
        url = f"http://127.0.0.1:{self.port}"
        with requests.Session() as session:
            for _ in range(RUNS_EACH):
                session.get(f"{url}/api/runs?_limit=30")
                session.get(f"{url}/api/flows/Flow{number}/runs?_limit=30&_group=flow_id")
                session.get(f"{url}/service/flows/Flow{number}/runs")


@contextlib.contextmanager
def checkouts(before: Path | None) -> Iterator[list[Checkout]]:
    """This checkout, after the one before it; their stacks are down at the end."""
    with tempfile.TemporaryDirectory(prefix="mfa-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        found = [Checkout("now", PROJECT, folder / "now")]
        if before:
            found.insert(0, Checkout("before", before.resolve(), folder / "before"))
        try:
            yield found
        finally:
            for one in found:
                one.run("down")


def measure(one: Checkout) -> None:
    """One round of everything."""
    one.begin_anew()
    one.run("up", called="up, empty root")
    one.run("up", called="up, already up")
    for verb in ("--list", "status", "env"):
        one.run(verb, called=verb)
    one.run("down", called="down")
    one.run("up", called="up, existing root")
    one.run("--version", called="floor", cwd=one.place)
    one.run("down", called="down")


def machine() -> str:
    """Processor, cores and system, for the table's head."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def show(found: list[Checkout], runs: int) -> None:
    """The tables; of memory, shared pages are counted once."""
    print(f"{machine()}; medians of {runs} whole processes, {' and '.join(one.name for one in found)} in turns\n")
    heads = [f"{one.name}, {what}" for one in found for what in ("s", "CPU s", "CPU, times floor")]
    print("| command | " + " | ".join(heads) + " |\n|---" + "|---" * len(heads) + "|")
    for command in found[-1].seconds:
        cells = []
        for one in found:
            wall, cpu = statistics.median(one.seconds[command]), statistics.median(one.cpu[command])
            cells += [f"{wall:.2f}", f"{cpu:.2f}", f"{cpu / statistics.median(one.cpu['floor']):.1f}"]
        print(f"| {command} | " + " | ".join(cells) + " |")
    for one in found:
        for when, memory in one.memory.items():
            parts = ", ".join(f"{name} {size / MIB:.0f}" for name, size in memory.items())
            print(f"\nMemory, {one.name}, {when}: {sum(memory.values()) / MIB:.0f} MB ({parts})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--before", type=Path, help="another checkout, measured in turns with this one")
    options = parser.parse_args()
    with checkouts(options.before) as found:
        for one in found:
            one.run("up")  # once per installation: PostgreSQL's programs and the database template
            one.run("down")
        for _ in range(options.runs):
            for one in found:
                measure(one)
        for one in found:
            one.run("up")
            one.weigh("idle")
            one.load()
            one.weigh("after a load")
        time.sleep(WAIT_SECONDS)
        for one in found:
            one.weigh(f"{WAIT_SECONDS:.0f} s later")
        show(found, options.runs)


if __name__ == "__main__":
    main()
