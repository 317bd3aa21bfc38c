"""Carries the write-ahead log to the drive, in ranges that overlap, and merges old ranges into larger ones.

The log before the flushed position never changes, so its files are simply read. Each range repeats the one before it,
so that one that goes bad opens no gap, and those of the last seconds, which may be late on their way.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from metaflow_anywhere.state.catalogue import Incarnation
from metaflow_anywhere.state.documents import WalRange, packed
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import WalName

MIB = 1 << 20
LARGEST_RANGE_BYTES = 16 * MIB  # so that one file's writing never takes long
OVERLAP_RANGES = 4
OVERLAP_BYTES = MIB
OVERLAP_SECONDS = 10.0  # longer than a cloud drive takes to upload something small
MERGE_AT = 60  # ranges: about one minute of a busy database
MERGED_LEVELS = (1, 2)


class LogGone(Exception):
    """The database has thrown away log that was not mirrored yet (the drive was away for too long)."""


def read_log(data: Path, one: Incarnation, start: int, end: int) -> bytes:
    """The bytes of the log of the cluster in ``data``. Raises LogGone."""
    parts = []
    while start < end:
        path = data / "pg_wal" / one.segments.name(one.timeline, start)
        offset = start % one.segments.size
        count = min(end - start, one.segments.size - offset)
        try:
            with path.open("rb") as file:
                file.seek(offset)
                part = file.read(count)
        except FileNotFoundError:
            raise LogGone(f"{path.name} is gone") from None
        if len(part) != count:
            raise LogGone(f"{path.name} is too short")
        parts.append(part)
        start += count
    return b"".join(parts)


@dataclass
class Shipper:
    """Ships the log of the cluster in ``data`` as incarnation ``one``; ``position`` is what is on the drive already."""

    drive: Drive
    data: Path
    one: Incarnation
    position: int
    merge_at: int = MERGE_AT
    recent: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=OVERLAP_RANGES))  # start, and when
    _caught_up: float | None = None  # when (monotonic, s) nothing was left to ship, for the last time
    _last_put: float = 0.0  # how long the range before took
    _last_lag: float | None = None
    _gone_before: int = 0  # the log that is on this machine begins here, or later

    def saw(self, end: int) -> None:
        """The database's log ended at ``end`` just now; tells later how long what is newer had to wait."""
        if end <= self.position:
            self._caught_up = time.monotonic()

    def ship(self, upto: int) -> int:
        """Write the next range, at most to ``upto``; returns how many new bytes it has. Raises DriveError, LogGone."""
        end = min(upto, self.position + LARGEST_RANGE_BYTES)
        if end <= self.position:
            return 0
        start, began = self._repeated_from(), time.monotonic()
        self._last_lag = self._lag(began)
        try:
            raw = self.read(start, end)
        except LogGone:  # perhaps only of what would be repeated
            start = self.position
            raw = self.read(start, end)
        self._write(start, end, raw, lag=self._last_lag)
        self._last_put = time.monotonic() - began
        self.recent.append((self.position, time.monotonic()))
        shipped, self.position = end - self.position, end
        if end == upto:
            self._caught_up = began  # what came since then is newer
        return shipped

    def _lag(self, now: float) -> float | None:
        """How long the oldest of what is to be written waited, and will until it is; None if that is not known."""
        return None if self._caught_up is None else now - self._caught_up + self._last_put

    def read(self, start: int, end: int) -> bytes:
        """The bytes of the database's log. Raises LogGone."""
        return read_log(self.data, self.one, start, end)

    def _repeated_from(self) -> int:
        """Where the next range begins."""
        last, now = len(self.recent) - 1, time.monotonic()
        for index, (start, when) in enumerate(self.recent):
            if (index == last or now - when < OVERLAP_SECONDS) and self.position - start <= OVERLAP_BYTES:
                return start
        return self.position

    def skip_to(self, position: int) -> None:
        """Go on from ``position``: what is between is lost to the mirror, until a new base makes up for it."""
        self.position = position
        self.recent.clear()

    def wanted_from(self) -> int:
        """The oldest log that may still be read here."""
        return min((start for start, _ in self.recent), default=self.position)

    def merge(self, present: list[WalName]) -> WalName | None:
        """Write one range in place of many of the level below, if there are enough among ``present``; returns it.

        The many stay: whoever removes them must leave the one time to be uploaded. Raises DriveError.
        """
        for level in MERGED_LEVELS:
            run = self._run(present, level)
            if len(run) < self.merge_at:
                continue
            start, end = run[0].start, run[-1].end
            try:
                raw = self.read(start, end)
            except LogGone:  # its parts stay as they are; what comes after them can be merged
                self._gone_before = max(self._gone_before, end)
                continue
            return self._write(start, end, raw, level + 1, self._last_lag)
        return None

    def merge_floor(self, present: list[WalName]) -> int:
        """The oldest log that a merge will want to read."""
        runs = [self._run(present, level) for level in MERGED_LEVELS]
        return min((run[0].start for run in runs if run), default=self.position)

    def _run(self, present: list[WalName], level: int) -> list[WalName]:
        """The ranges of ``level`` that no merge holds yet, follow each other without a gap, and fit into one range."""
        mine = [name for name in present if name.timeline == self.one.timeline and name.start >= self._gone_before]
        covered = max((name.end for name in mine if name.level > level), default=0)
        run: list[WalName] = []
        for name in mine:
            if name.level != level or name.end <= covered:
                continue
            if run and (name.start > run[-1].end or name.end - run[0].start > LARGEST_RANGE_BYTES):
                if len(run) >= self.merge_at:
                    return run
                run = []
            run.append(name)
        return run

    def _write(self, start: int, end: int, raw: bytes, level: int = 1, lag: float | None = None) -> WalName:
        name = WalName(self.one.timeline, start, end, level)
        described = WalRange(str(self.one.name), self.one.system, self.one.timeline, start, end, time.time(), lag)
        self.drive.put(f"{self.one.name}/wal/{name}", packed(described, raw))
        return name
