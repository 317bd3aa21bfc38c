"""``python -m tests.state.simulator FIRST [LAST]`` runs schedules by their numbers, and says what went wrong."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.state.simulator.schedule import run
from tests.state.simulator.world import Violation

first = int(sys.argv[1])
last = int(sys.argv[2]) if len(sys.argv) > 2 else first
began, found = time.monotonic(), 0
with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
    for seed in range(first, last + 1):
        try:
            run(seed, Path(name) / "world")
        except Violation as violation:
            found += 1
            print(f"schedule {seed}: {violation}", flush=True)
print(f"{last - first + 1:,} schedules in {time.monotonic() - began:.0f} s, {found} with a violation")
sys.exit(bool(found))
