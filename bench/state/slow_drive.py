"""How long `invoke up` takes on a drive each of whose operations takes its time, and how many operations it asks for.

    python -m bench.state.slow_drive [--delays 0,0.5,2] [--invoke .venv/bin/invoke] [--idle 60] [--most 900]

The drive is the tests' stand-in, mounted by /dev/fuse (as root, on Linux); the kernel remembers names and sizes for a
second, as it does for most such drives. ``--invoke`` is the command to measure, such as another version's.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.stand_in.drive import StandInDrive

POLL_SECONDS = 0.1


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


class Place:
    """One root on a stand-in drive, and the machines that use it one after the other."""

    def __init__(self, folder: Path, invoke: Path, most: float) -> None:
        self.folder, self.invoke, self.most, self.port = folder, invoke, most, free_port()
        self.drive = StandInDrive(folder / "mount")

    @property
    def environment(self) -> dict[str, str]:
        """By which `invoke` finds this place alone."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MF_", "METAFLOW_"))},
            "HOME": str(self.folder / "home"), "MF_ROOT": str(self.drive.point / "root"),
            "MF_STATE_DIR": str(self.folder / "state"), "PGDATA_DIR": str(self.folder / "pgdata"),
            "MF_PORT": str(self.port),
        }  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """`invoke` with these words."""
        return subprocess.Popen(
            [self.invoke, *words], env=self.environment, cwd=self.invoke.parents[2], stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def answers(self) -> bool:
        """Whether the metadata service does, through the proxy."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/service/ping", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def up(self) -> tuple[float | None, float | None, int, Counter[str]]:
        """Seconds until the service answers and until `up` ends (None: not in time), its status, what was asked."""
        began, answered = time.monotonic(), None
        with self.drive.counting() as asked:
            process = self.start("up")
            while time.monotonic() - began < self.most:
                if answered is None and self.answers():
                    answered = time.monotonic() - began
                if process.poll() is not None:
                    break
                time.sleep(POLL_SECONDS)
            took = time.monotonic() - began if process.poll() is not None else None
        if process.poll() is None:
            process.terminate()
        return answered, took, process.wait(), asked

    def counted(self, *words: str) -> Counter[str]:
        """What the drive is asked by a verb."""
        with self.drive.counting() as asked:
            self.start(*words).wait()
        return asked

    def end(self) -> None:
        """Everything of the machine stops, and its own files go."""
        self.drive.tell()
        self.start("down").wait()
        for name in ("state", "pgdata"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


@contextlib.contextmanager
def new_place(invoke: Path, most: float) -> Iterator[Place]:
    """A place that is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="mfa-slow-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        (Path(name) / "home").mkdir()
        place = Place(Path(name), invoke, most)
        with place.drive:
            try:
                yield place
            finally:
                place.end()


def told(seconds: float | None) -> str:
    return "not in time" if seconds is None else f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def row(what: str, delay: float, found: tuple[float | None, float | None, int, Counter[str]]) -> None:
    answered, took, status, asked = found
    told_kinds = ", ".join(f"{count} {name}" for name, count in asked.most_common(4))
    print(f"| {what} | {delay:g} s | {sum(asked.values())} ({told_kinds}) "
          f"| {told(answered)} | {told(took)} | {status} |", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--delays", default="0,0.5,2")
    parser.add_argument("--invoke", type=Path, default=Path(sys.executable).with_name("invoke"))
    parser.add_argument("--idle", type=float, default=60.0)
    parser.add_argument("--most", type=float, default=900.0)
    given = parser.parse_args()
    invoke = given.invoke.absolute()
    print("| `invoke up` | an operation takes | operations | the service answers after | it ends after | status |")
    print("|---|---|---|---|---|---|")
    for delay in map(float, given.delays.split(",")):
        with new_place(invoke, given.most) as place:
            place.drive.tell(delay=delay)
            row("first", delay, place.up())
            row("repeated", delay, place.up())
            if delay == 0 and given.idle:
                print(f"status: {sum(place.counted('status').values())} operations")
                time.sleep(20)
                with place.drive.counting() as idle:
                    time.sleep(given.idle)
                print(f"idle for {given.idle:g} s: {sum(idle.values())} operations, {dict(idle)}")
            place.end()
            place.drive.tell(delay=delay)
            row("on an existing root", delay, place.up())


if __name__ == "__main__":
    main()
