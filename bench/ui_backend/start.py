"""``python bench/ui_backend/start.py``: seconds from start to first answer, and from SIGTERM to the end."""

from __future__ import annotations

import os
import platform
import statistics
import time

import psutil
import requests
from places import database, program

ROUNDS = 5


def main() -> None:
    """Measure and print."""
    answered, memory, ended = [], [], []
    with database() as conninfo:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            with program("ui_backend", conninfo) as (url, process):
                requests.get(f"{url}/runs?_limit=1", timeout=10).raise_for_status()
                answered.append(time.perf_counter() - started)
                memory.append(psutil.Process(process.pid).memory_info().rss / 1e6)
                stopping = time.perf_counter()
                process.terminate()
                process.wait()
                ended.append(time.perf_counter() - stopping)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    first, end = statistics.median(answered), statistics.median(ended)
    print(f"{machine}; medians of {ROUNDS}")
    print(f"first answer {first:.2f} s, end {end:.2f} s, {statistics.median(memory):.0f} MB")


if __name__ == "__main__":
    main()
