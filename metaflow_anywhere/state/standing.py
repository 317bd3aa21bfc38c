"""How the mirror stands now: written by ``sync`` to one local file, read by whoever wants to know."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from metaflow_anywhere.modes import write_private

HEARTBEAT_SECONDS = 2.0
DEAD_SECONDS = 15.0  # a file that was not touched for so long has no living writer
ROOM_BYTES = 4096  # the file's size, so that it can be written over where a full disk takes no new one
READ_ATTEMPTS = 3  # a file that is written over may be met half way
LATE_SECONDS = 5.0  # log that waits longer than this is "behind"
RATE_SECONDS = 60.0
WELL = ("current",)


@dataclass
class Standing:
    """``state``: starting, current, behind (the drive is slow), degraded (it fails), waiting (the database does not
    answer), fenced (another machine took over) or stopped. Times are epoch seconds, positions bytes of log. ``aside``
    are sentences on histories that the mirror holds beside this one; ``files`` is how the copy of files that are
    written outside of root stands (copies.Copied), where there are such."""

    state: str = "starting"
    since: float = 0.0
    problem: str | None = None
    incarnation: int = 0
    host: str = ""
    position: int = 0
    behind_bytes: int = 0
    last_saved: float | None = None
    files_per_minute: float = 0.0
    bytes_per_minute: float = 0.0
    newest_base: dict[str, Any] | None = None
    bases: int = 0
    base_problem: str | None = None
    files: dict[str, Any] | None = None
    aside: list[str] = field(default_factory=list)
    beat: float = 0.0
    pid: int = 0

    @property
    def alive(self) -> bool:
        """Whether the program that wrote this still does."""
        return time.time() - self.beat < DEAD_SECONDS

    @property
    def well(self) -> bool:
        """Whether everything committed so far is on the drive, or will be within moments."""
        return self.alive and self.state in WELL and self.newest_base is not None


def read_standing(path: Path) -> Standing | None:
    """What ``path`` says; None if there is nothing."""
    for _ in range(READ_ATTEMPTS):
        with contextlib.suppress(ValueError, TypeError):
            try:
                return Standing(**json.loads(path.read_text()))
            except OSError:
                return None
    return None


@dataclass
class Reporter:
    """Keeps ``path`` true. Safe to use from several threads."""

    path: Path
    standing: Standing = field(default_factory=lambda: Standing(since=time.time(), pid=os.getpid()))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _written: float = 0.0
    remember: Callable[[int], None] | None = None  # is told the position, on each writing
    _counts: deque[tuple[float, int, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        """Say at once that somebody new is here."""
        self._write(time.time())

    def tell(self, *, force: bool = False, **changes: Any) -> None:
        """Change what is said. Without a change of state, the file is written at most twice a second."""
        with self._lock:
            if changes.get("state", self.standing.state) != self.standing.state:
                self.standing.since = time.time()
                force = True
            force |= changes.get("problem", self.standing.problem) != self.standing.problem
            for name, value in changes.items():
                setattr(self.standing, name, value)
            now = time.time()
            if force or now - self._written > 0.5:
                self._write(now)

    def beat(self) -> None:
        """Say that we are alive, if that was not said lately."""
        with self._lock:
            if time.time() - self._written > HEARTBEAT_SECONDS:
                self._write(time.time())

    def count(self, files: int, bytes_: int) -> None:
        """The drive's counters so far, for the rates of the last minute."""
        now = time.time()
        with self._lock:
            self._counts.append((now, files, bytes_))
            while self._counts[0][0] < now - RATE_SECONDS:
                self._counts.popleft()
            self.standing.files_per_minute = float(files - self._counts[0][1])
            self.standing.bytes_per_minute = float(bytes_ - self._counts[0][2])

    def _write(self, now: float) -> None:
        self.standing.beat = self._written = now
        if self.remember and self.standing.position:
            self.remember(self.standing.position)
        text = json.dumps(asdict(self.standing)).ljust(ROOM_BYTES).encode()
        half = self.path.with_name(f".{self.path.name}.new")
        with contextlib.suppress(OSError):  # a full local disk must not stop the mirror
            try:
                write_private(half, text)
                half.replace(self.path)
            except OSError:
                with contextlib.suppress(OSError):
                    half.unlink()
                with self.path.open("r+b") as file:  # what is there already needs no more room
                    file.write(text)
