"""What the watchdog tells others: that it is there, and whom it has restarted lately. One local file."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from metaflow_anywhere.modes import write_private

BEAT_SECONDS = 60.0  # a watchdog that wrote nothing for so long hangs itself
TOLD_SECONDS = 24 * 3600.0  # for how long a restart is worth a word
MOST_RESTARTS = 50


@dataclass(frozen=True)
class Restart:
    """What was done (``did``) to ``program`` ``at`` (epoch seconds), which had been ``silent`` for so many seconds."""

    program: str
    at: float
    silent: float
    why: str
    did: str = "restarted"


@dataclass
class Healing:
    """The newest restart is the last; ``beat`` is when the watchdog was there last (epoch seconds)."""

    beat: float = 0.0
    restarts: list[Restart] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """Whether the watchdog was there lately."""
        return time.time() - self.beat < BEAT_SECONDS

    def last(self, program: str) -> Restart | None:
        """The last restart of ``program`` that is worth a word."""
        found = [one for one in self.restarts if one.program == program and time.time() - one.at < TOLD_SECONDS]
        return found[-1] if found else None


def read_healing(path: Path) -> Healing | None:
    """What ``path`` says; None if there is nothing."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads(path.read_text())
        return Healing(path.stat().st_mtime, [Restart(**one) for one in found["restarts"]])
    return None


def write_healing(path: Path, healing: Healing) -> None:
    """Replace what ``path`` says; its time is the beat, which a full disk takes too."""
    healing.beat = time.time()
    del healing.restarts[:-MOST_RESTARTS]
    half = path.with_name(f".{path.name}.new")
    try:
        write_private(half, json.dumps(asdict(healing)))
        half.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            os.utime(path)
