"""``python bench/ui_backend/pages.py [RUNS]``: how long the calls of a page load take, at 1, 8 and 32 connections."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time

import aiohttp
import psycopg
from fill import BIG_FLOW, fill
from places import database, program

SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
WARM = 30
CONNECTIONS = (1, 8, 32)
HOME = "/runs?_order=-ts_epoch&_limit=30&_group_limit=31&_page=1"
BARS_MS = {"runs page": 4, "completed": 8, "failed and tagged": 8, "grouped by flow": 15, "grouped by user": 15,
           "1,000 tasks": 25}  # fmt: skip


def calls(big: int) -> dict[str, str]:
    """What is asked, by name."""
    run = f"/flows/{BIG_FLOW}/runs/{big}"
    return {
        "runs page": HOME,
        "completed": f"{HOME}&status=completed",
        "failed and tagged": f"{HOME}&status=failed&_tags=kind:rare",
        "running": f"{HOME}&status=running",
        "of a user, by tag": f"{HOME}&status=completed,failed&_tags=user:user7",
        "of a flow": f"{HOME}&flow_id=Flow007",
        "grouped by flow": "/runs?_order=-ts_epoch&_limit=30&_group_limit=7&_page=1&_group=flow_id",
        "grouped by user": "/runs?_order=-ts_epoch&_limit=30&_group_limit=7&_page=1&_group=user",
        "grouped, completed": "/runs?_order=-ts_epoch&_limit=30&_group_limit=7&_group=flow_id&status=completed",
        "one run": run,
        "steps": f"{run}/steps?_order=%2Bts_epoch&_limit=1000",
        "1,000 tasks": f"{run}/tasks?_order=%2Bts_epoch&_limit=1000&postprocess=false",
        "metadata of a step": f"{run}/metadata?step_name=work",
        "artifacts": f"{run}/artifacts?ds_type=local&_limit=1",
        "flows by name": "/flows/autocomplete?_limit=5&flow_id:co=low00",
        "tags by name": "/tags/autocomplete?_limit=5&tag:co=user",
    }


async def measure(url: str, path: str, connections: int) -> tuple[float, float]:
    """The median in milliseconds, and requests a second."""
    times: list[float] = []

    async def ask(session: aiohttp.ClientSession, until: float) -> None:
        while time.perf_counter() < until:
            started = time.perf_counter()
            async with session.get(url + path) as answer:
                await answer.read()
                assert answer.status == 200, await answer.text()
            times.append((time.perf_counter() - started) * 1000)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        for _ in range(WARM // connections):
            await ask(session, time.perf_counter() + 0.001)
        times.clear()
        until = time.perf_counter() + SECONDS
        await asyncio.gather(*(ask(session, until) for _ in range(connections)))
    return statistics.median(times), len(times) / SECONDS


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with database() as conninfo:
        fill(conninfo, runs)
        with psycopg.connect(conninfo) as connection:
            row = connection.execute("SELECT run_number FROM runs_v3 WHERE flow_id = %s", (BIG_FLOW,)).fetchone()
        assert row is not None
        with program("ui_backend", conninfo) as (url, _):
            print(f"{runs} runs: median ms (requests/s) at {CONNECTIONS} connections", flush=True)
            for name, path in calls(row[0]).items():
                found = [asyncio.run(measure(url, path, count)) for count in CONNECTIONS]
                told = "  ".join(f"{median:8.1f} ({rate:5.0f}/s)" for median, rate in found)
                bar = f"  bar {BARS_MS[name]} ms" if name in BARS_MS else ""
                print(f"{name:20} {told}{bar}", flush=True)


if __name__ == "__main__":
    main()
