"""How long ``invoke up`` and ``invoke down`` take as whole processes, and what the stack weighs when idle.

    python bench/stack/up_and_down.py [--runs 5]

Prints a Markdown table with the machine's name: medians of wall-clock seconds and, as what cannot be gone below, the
time that ``invoke --version`` takes (Python and Invoke alone). Ports are picked free; nothing is left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parents[2]
INVOKE = [sys.executable, "-m", "invoke"]
MIB = 1024 * 1024


def timed(arguments: list[str], environ: dict[str, str]) -> float:
    """Seconds that a command takes; it must succeed."""
    began = time.perf_counter()
    subprocess.run([*INVOKE, *arguments], cwd=PROJECT, env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def machine() -> str:
    """Processor, cores and system, for the table's head."""
    models = [
        line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    seconds: dict[str, list[float]] = {
        name: [] for name in ("up, empty root", "up, already up", "down", "up, existing root", "floor")
    }
    memory: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="mfa-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        environ = {**os.environ, "MF_ROOT": f"{name}/root", "MF_STATE_DIR": f"{name}/state", "MF_PORT": str(port)}
        timed(["up"], environ)  # once per installation: PostgreSQL's programs and the database template
        timed(["down"], environ)
        for _ in range(runs):
            shutil.rmtree(folder / "root")
            seconds["floor"].append(timed(["--version"], environ))
            seconds["up, empty root"].append(timed(["up"], environ))
            seconds["up, already up"].append(timed(["up"], environ))
            seconds["down"].append(timed(["down"], environ))
            seconds["up, existing root"].append(timed(["up"], environ))
            status = subprocess.run(
                [*INVOKE, "status", "--json"], cwd=PROJECT, env=environ, check=True, capture_output=True
            )
            memory = {one["program"]: one["memory"] for one in json.loads(status.stdout)["programs"]}
            seconds["down"].append(timed(["down"], environ))
    floor = statistics.median(seconds["floor"])
    print(
        f"{machine()}; medians of {runs} whole processes\n\n"
        "| command | seconds | min to max | times Python and Invoke alone |"
    )
    print("|---|---|---|---|")
    for name, found in seconds.items():
        median = statistics.median(found)
        print(f"| {name} | {median:.2f} | {min(found):.2f} to {max(found):.2f} | {median / floor:.1f} |")
    parts = ", ".join(f"{name} {size / MIB:.0f}" for name, size in memory.items())
    print(f"\nIdle memory: {sum(memory.values()) / MIB:.0f} MB ({parts}; shared pages counted once)")


if __name__ == "__main__":
    main()
