"""How long a restore takes by the size of the database, beside the least it could take; and what bases weigh.

    python -m bench.state.restores [--megabytes 10,100,1000] [--svg restores.svg]

The database is of Metaflow's kind: rows of metadata with their index. After the first base a fifth is added, which the
mirror takes as log or as further bases, as it sees fit at its own pace; then everything is killed, and another machine
restores.
"Unpacking" is the limit: `tar -x` of a full base alone, no log, no check, without the time to fetch it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.state.place import machine_name, new_place
from metaflow_anywhere.state.bases import Since, take_base
from metaflow_anywhere.state.catalogue import Catalogue
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.server import Server
from tests.state.lab import Machine
from tests.state.mirroring import Mirroring

ROWS_PER_MEGABYTE = 3240  # with their index
CREATE = """
CREATE TABLE metadata (id bigserial PRIMARY KEY, flow text, run bigint, step text, task bigint, field text, value text);
CREATE INDEX ON metadata (flow, run, step, task, field)
"""
FILL = """
INSERT INTO metadata (flow, run, step, task, field, value)
SELECT 'TrainingFlow', n / 5000, 'train_step', n / 12, 'field-' || n % 12, md5(n::text) || md5((n * 7)::text)
FROM generate_series({first}, {last}) n
"""


@dataclass(frozen=True)
class Figures:
    """Sizes in MB, times in seconds."""

    database: float
    full: float
    full_seconds: float
    increment: float
    increment_seconds: float
    log: float
    restore: float
    unpacking: float
    kind: str


def measure(make: Callable[[], Machine], folder: Path, megabytes: int) -> Figures:
    """One size."""
    machine, drive = make(), Drive(folder / "drive" / "pg")
    machine.create()
    machine.start()
    rows = megabytes * ROWS_PER_MEGABYTE * 5 // 6
    with machine.connect() as connection:
        connection.execute(CREATE)
        fill(machine, 1, rows)
        connection.execute("CHECKPOINT")
        machine.mirror(drive, Mirroring(**{**vars(machine.mirroring(drive)), "pace": {}}))
        stage = machine.folder / "measured"
        server = Server(machine.conninfo)
        identity = server.identity()
        began = time.monotonic()
        full = take_base(machine.programs, machine.conninfo, identity, stage)
        full_seconds = time.monotonic() - began
        full_bytes = sum(path.stat().st_size for path in stage.iterdir())
        manifest = (stage / "backup_manifest").read_bytes()
        fill(machine, rows + 1, rows + rows // 5)
        began = time.monotonic()
        take_base(machine.programs, machine.conninfo, identity, stage, Since(full, manifest))
        increment_seconds = time.monotonic() - began
        increment_bytes = sum(path.stat().st_size for path in stage.iterdir())
        row = connection.execute("SELECT pg_database_size('postgres')").fetchone()
        assert row
    server.close()
    machine.await_mirrored()
    machine.kill()
    other = make()
    report = other.restore(drive)
    return Figures(
        row[0] / 1e6, full_bytes / 1e6, full_seconds, increment_bytes / 1e6, increment_seconds,
        report.log.bytes / 1e6, report.seconds, unpacking(drive, folder / "unpacked"),
        "incremental" if report.way.base.prior else "full",
    )  # fmt: skip


def fill(machine: Machine, first: int, last: int, at_once: int = 50_000) -> None:
    """Rows ``first`` to ``last``, ``at_once`` in a commit."""
    with machine.connect() as connection:
        for start in range(first, last + 1, at_once):
            connection.execute(FILL.format(first=start, last=min(last, start + at_once - 1)).encode())


def unpacking(drive: Drive, target: Path) -> float:
    """Seconds that `tar` takes for the largest base on the drive."""
    catalogue = Catalogue(drive)
    archive = max(drive.root.glob("inc-*/base-*/base.tar.gz"), key=lambda path: path.stat().st_size)
    assert catalogue.newest
    target.mkdir()
    began = time.monotonic()
    subprocess.run(["tar", "-xzf", archive, "-C", target], check=True)
    seconds = time.monotonic() - began
    shutil.rmtree(target)
    return seconds


def plot(figures: list[Figures], file: Path) -> None:
    """Restore times by size, as SVG on two linear axes."""
    width, height, left, bottom = 640, 360, 60, 50
    most_x, most_y = max(one.database for one in figures), max(one.restore for one in figures) * 1.1

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x / most_x * (width - left - 20), height - bottom - y / most_y * (height - bottom - 20)

    def line(values: list[tuple[float, float]], colour: str) -> str:
        places = [at(*pair) for pair in values]
        points = " ".join(f"{x:.0f},{y:.0f}" for x, y in places)
        dots = "".join(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3.5"/>' for x, y in places)
        return (
            f'<g fill="{colour}" stroke="{colour}"><polyline fill="none" stroke-width="2" points="{points}"/>{dots}</g>'
        )

    def text(x: float, y: float, words: str, anchor: str = "middle") -> str:
        return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'

    floor = height - bottom
    marks = [text(at(one.database, 0)[0], floor + 18, f"{one.database:.0f}") for one in figures]
    marks += [text(left - 8, at(0, one.restore)[1] + 4, f"{one.restore:.1f}", "end") for one in figures]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"',
        ' font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<path d="M{left},20 V{floor} H{width - 20}" fill="none" stroke="#888"/>',
        *marks,
        line([(one.database, one.restore) for one in figures], "#2563eb"),
        line([(one.database, one.unpacking) for one in figures], "#9ca3af"),
        text(width / 2, height - 10, "database, MB"),
        text(left + 12, 30, "seconds: a restore with its check (blue), tar alone (grey)", "start"),
        "</svg>",
    ]
    file.write_text("\n".join(parts) + "\n")


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", default="10,100,300,1000")
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    print(f"{machine_name()}; {time.strftime('%Y-%m-%d')}\n")
    print("| database, MB | full base, MB | s | increment for a fifth more, MB | s | times smaller |"
          " restored from a base that is | log, MB | restore, s | tar alone, s | times |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    figures = []
    for megabytes in map(int, options.megabytes.split(",")):
        with new_place() as (make, folder):
            one = measure(make, folder, megabytes)
        figures.append(one)
        print(
            f"| {one.database:.0f} | {one.full:.1f} | {one.full_seconds:.1f} | {one.increment:.1f} |"
            f" {one.increment_seconds:.1f} | {one.full / one.increment:.1f} | {one.kind} | {one.log:.0f} |"
            f" {one.restore:.1f} | {one.unpacking:.1f} | {one.restore / one.unpacking:.1f} |",
            flush=True,
        )
    if options.svg:
        plot(figures, options.svg)


if __name__ == "__main__":
    main()
