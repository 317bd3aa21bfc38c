"""What mirroring costs, beside what people do today: files, bytes and CPU a minute, idle and at 1 and 200 commits/s.

    python -m bench.state.costs [--seconds 60] [--rates 0,1,200]

The mirror runs at its own pace as a process of its own; each operation on its drive takes 50 ms. The peer is `rsync -a
--delete` of the live data directory over and over with half a second between, to the same disk. A commit writes one row
of 200 bytes. CPU is that of the mirror's process (the peer's: of all rsync processes), as a share of one core.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.state.place import machine_name, new_place
from metaflow_anywhere.state.drive import Drive
from tests.state.lab import Machine
from tests.state.mirroring import Mirroring
from tests.state.trial import MODEL

LATENCY_SECONDS = 0.05
SETTLE_SECONDS = 75.0  # with the first minute go whole pages after the base, and the first merge


@dataclass(frozen=True)
class Cost:
    """For one minute; ``commits`` are those that were really made in it."""

    commits: float
    files: float
    megabytes: float
    cpu_percent: float


@contextlib.contextmanager
def writing(machine: Machine, rate: int) -> Iterator[list[int]]:
    """Commit ``rate`` rows a second in a thread; yields a list of the one number of commits so far."""
    ended, count = threading.Event(), [0]

    def write() -> None:
        with machine.connect() as connection:
            began = time.monotonic()
            while not ended.is_set():
                connection.execute("INSERT INTO t (said) VALUES (repeat('x', 200))")
                count[0] += 1
                ended.wait(max(0.0, began + count[0] / rate - time.monotonic()))

    thread = threading.Thread(target=write)
    if rate:
        thread.start()
    try:
        yield count
    finally:
        ended.set()
        if rate:
            thread.join()


def of_the_mirror(machine: Machine, drive: Drive, rate: int, seconds: float) -> Cost:
    """The mirror's own cost."""
    told = machine.mirroring(drive)
    told = Mirroring(**{**vars(told), "drive_class": MODEL, "drive_options": {"latency": LATENCY_SECONDS}, "pace": {}})
    machine.mirror(drive, told)
    with writing(machine, rate) as count:
        time.sleep(SETTLE_SECONDS)
        assert machine.sync
        process = psutil.Process(machine.sync.pid)
        began, before, cpu = count[0], written(drive.root), sum(process.cpu_times()[:2])
        time.sleep(seconds)
        commits, after, used = count[0] - began, written(drive.root), sum(process.cpu_times()[:2]) - cpu
    machine.end_sync()
    machine.await_sync()
    minute = 60 / seconds
    new = {path: size for path, size in after.items() if path not in before}
    bases = sum(size for path, size in new.items() if "/base-" in path)
    return Cost(commits * minute, len(new) * minute, (sum(new.values()) - bases) / 1e6 * minute, 100 * used / seconds)


def written(root: Path) -> dict[str, int]:
    """Files and their sizes."""
    return {str(path): path.stat().st_size for path in root.rglob("*") if path.is_file()}


def of_rsync(machine: Machine, copy: Path, rate: int, seconds: float) -> Cost:
    """The cost of copying live files."""
    command = ["rsync", "-a", "--delete", "--stats", f"{machine.cluster.data}/", f"{copy}/"]
    subprocess.run(command, check=False, capture_output=True)
    files = megabytes = 0.0
    with writing(machine, rate) as count:
        time.sleep(2)
        began = count[0]
        cpu = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            for line in done.stdout.splitlines():
                name, _, value = line.partition(": ")
                number = float((value.split() or ["0"])[0].replace(",", "")) if value[:1].isdigit() else 0.0
                files += number if name == "Number of regular files transferred" else 0
                megabytes += number / 1e6 if name == "Total transferred file size" else 0
            time.sleep(0.5)
        used = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - cpu
        commits = count[0] - began
    minute = 60 / seconds
    return Cost(commits * minute, files * minute, megabytes * minute, 100 * used / seconds)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rates", default="0,1,200")
    options = parser.parse_args()
    seconds = options.seconds
    print(f"{machine_name()}; {seconds:.0f} s each, bases not counted; {time.strftime('%Y-%m-%d')}\n")
    print("| commits/s | way | commits/min | files/min | MB/min | CPU, % of a core | bytes, times the mirror's |")
    print("|---|---|---|---|---|---|---|")
    for rate in map(int, options.rates.split(",")):
        with new_place() as (make, folder):
            machine = make()
            machine.create()
            machine.start()
            with machine.connect() as connection:
                connection.execute("CREATE TABLE t (id bigserial PRIMARY KEY, said text)")
            ours = of_the_mirror(machine, Drive(folder / "drive" / "pg"), rate, seconds)
            peer = of_rsync(machine, folder / "copy", rate, seconds)
        for name, cost in (("mirror", ours), ("rsync of live files", peer)):
            times = f"{cost.megabytes / ours.megabytes:.0f}" if ours.megabytes else "-"
            print(
                f"| {rate} | {name} | {cost.commits:.0f} | {cost.files:.0f} | {cost.megabytes:.2f} |"
                f" {cost.cpu_percent:.1f} | {times} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
