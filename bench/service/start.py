"""``python bench/service/start.py``: seconds from start to first answer, and from SIGTERM to the end of the process.

Beside them, as what cannot be gone below, the time in which this Python imports aiohttp and psycopg.
"""

from __future__ import annotations

import os
import platform
import socket
import statistics
import subprocess
import sys
import time

import psutil
import requests
from psycopg.conninfo import conninfo_to_dict
from targets import database

ROUNDS = 5


def first_answer_and_end(environment: dict[str, str]) -> tuple[float, float, float]:
    """Seconds to the first /ping, MB of memory then, and seconds to the end after SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "metaflow_anywhere.service", "--port", str(port)],
        env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/ping", timeout=5).raise_for_status()
            break
        except requests.ConnectionError:
            time.sleep(0.002)
    answered = time.perf_counter() - started
    requests.get(f"http://127.0.0.1:{port}/flows", timeout=5).raise_for_status()
    megabytes = psutil.Process(process.pid).memory_info().rss / 1e6
    stopping = time.perf_counter()
    process.terminate()
    process.wait()
    return answered, megabytes, time.perf_counter() - stopping


def imports() -> float:
    """Seconds that Python and the libraries take by themselves."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import aiohttp.web, psycopg, uvloop"], check=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    with database() as conninfo:
        parts = conninfo_to_dict(conninfo)
        names = {"HOST": "host", "PORT": "port", "USER": "user", "NAME": "dbname"}
        environment = {f"MF_METADATA_DB_{name}": str(parts[key]) for name, key in names.items()}
        found = [(*first_answer_and_end(environment), imports()) for _ in range(ROUNDS)]
    first, memory, end, floor = (statistics.median(column) for column in zip(*found, strict=True))
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}; medians of {ROUNDS}")
    print(f"first answer {first:.2f} s ({first / floor:.1f} times its imports alone), end {end:.2f} s, {memory:.0f} MB")


if __name__ == "__main__":
    main()
