"""What test_growth.py saw, as a table and a curve in bench/state."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

FOLDER = Path(__file__).parents[2] / "bench" / "state"
ROWS = 10
MIB = 1 << 20
WIDTH, HEIGHT, MARGIN = 640, 280, 48


class Seen(Protocol):
    """What is drawn of one sample."""

    @property
    def commits(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def bytes(self) -> int: ...
    @property
    def bases(self) -> int: ...
    @property
    def ranges(self) -> int: ...
    @property
    def written(self) -> int: ...


def write_table(samples: Sequence[Seen], limit: int, log_bytes: int) -> None:
    """``growth.md`` and ``growth.svg``: root's size over commits, against ``limit`` (all sizes in bytes)."""
    last = samples[-1]
    peak = max(one.bytes for one in samples)
    lines = [
        f"# The mirror's size over {last.commits:,} commits ({time.strftime('%Y-%m-%d')})", "",
        f"{last.commits:,} commits in {last.seconds:.0f} s by four connections, each changing 1.3 KB in place:"
        f" {log_bytes / MIB:,.0f} MB of log. The pace is quicker than the product's, so that more happens: a new base"
        " for every 16 MB of log, and one second of grace before anything is given up.", "",
        f"The mirror never had more than {peak / MIB:.0f} MB. By the size of a base and the limits of the pace it may"
        f" have had {limit / MIB:.0f} MB. Everything that was ever written to it weighs {last.written / MIB:,.0f} MB.",
        "", "![size over commits](growth.svg)", "",
        "| commits | s | in the mirror, MB | whole bases | files of log | written so far, MB |",
        "|--:|--:|--:|--:|--:|--:|",
    ]  # fmt: skip
    for row in range(1, ROWS + 1):
        wanted = last.commits * row / ROWS
        one = next(sample for sample in samples if sample.commits >= wanted or sample is last)
        lines.append(
            f"| {one.commits:,} | {one.seconds:.0f} | {one.bytes / MIB:.1f} | {one.bases} | {one.ranges} "
            f"| {one.written / MIB:,.0f} |"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "growth.md").write_text("\n".join(lines) + "\n")
    (FOLDER / "growth.svg").write_text(curve(samples))


def curve(samples: Sequence[Seen]) -> str:
    """Two lines over the commits: what was in the mirror, and what was ever written to it."""
    commits, top = samples[-1].commits, samples[-1].written

    def line(values: Sequence[float]) -> str:
        return " ".join(
            f"{MARGIN + (WIDTH - 2 * MARGIN) * one.commits / commits:.1f},"
            f"{HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * value / top:.1f}"
            for one, value in zip(samples, values, strict=True)
        )

    bottom, right = HEIGHT - MARGIN, WIDTH - MARGIN
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif"
 font-size="12"><rect width="100%" height="100%" fill="white"/>
<path d="M{MARGIN} {MARGIN}V{bottom}H{right}" fill="none" stroke="#888"/>
<text x="{MARGIN}" y="{MARGIN - 10}">{top / MIB:,.0f} MB</text>
<text x="{right}" y="{bottom + 18}" text-anchor="end">{commits:,} commits</text>
<polyline points="{line([one.written for one in samples])}" fill="none" stroke="#c60"/>
<text x="{right - 200}" y="{MARGIN + 10}" fill="#c60" text-anchor="end">ever written to the mirror</text>
<polyline points="{line([one.bytes for one in samples])}" fill="none" stroke="#06c"/>
<text x="{right}" y="{bottom - 40}" fill="#06c" text-anchor="end">in the mirror</text>
</svg>
"""
