"""``python bench/service/run.py``: our service, metaflow-local-service and plain SQL in one run; prints a report.

Give ``--peer PATH/metaflow-local-service`` (installed in an environment of its own, as it pins other versions), and
``--write FILE`` to keep the report.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop
from generator import Connection, Sample, load
from scenarios import FLOW, in_sql, point_reads, point_reads_in_sql, write_path, write_path_in_sql
from targets import RUNS, Target, database, fill, local_service, our_service

from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.service import artifacts, runs, steps, tasks
from metaflow_anywhere.service.lists import send_all
from metaflow_anywhere.service.messages import Call, Reply

CONNECTIONS = (1, 8, 32)
SQL = "plain SQL"


@dataclass(frozen=True)
class Line:
    """One line of the report."""

    scenario: str
    target: str
    connections: int
    per_second: float
    p50: float
    p99: float
    cpu_ms: float | None
    memory_mb: float | None
    wrong: int = 0


class Report:
    """The lines so far; printed as they come."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def add(self, line: Line) -> None:
        self.lines.append(line)
        print(row(line), flush=True)

    def rate(self, scenario: str, target: str, connections: int) -> float | None:
        """Requests per second, the median of all rounds."""
        key = (scenario, target, connections)
        found = [x.per_second for x in self.lines if (x.scenario, x.target, x.connections) == key]
        return statistics.median(found) if found else None

    def medians(self) -> list[Line]:
        """One line for each load: of all rounds the one with the median rate."""
        rounds: dict[tuple[str, str, int], list[Line]] = {}
        for line in self.lines:
            rounds.setdefault((line.scenario, line.target, line.connections), []).append(line)
        return [sorted(lines, key=lambda x: x.per_second)[len(lines) // 2] for lines in rounds.values()]


HEADINGS = """\
| load | target | connections | requests/s | p50 ms | p99 ms | CPU ms/request | memory MB |
|---|---|--:|--:|--:|--:|--:|--:|"""


def row(line: Line) -> str:
    """The line in Markdown."""
    cpu = "" if line.cpu_ms is None else f"{line.cpu_ms:.2f}"
    memory = "" if line.memory_mb is None else f"{line.memory_mb:.0f}"
    wrong = f" ({line.wrong} wrong answers)" if line.wrong else ""
    return (
        f"| {line.scenario} | {line.target}{wrong} | {line.connections} | {line.per_second:.0f} | {line.p50:.2f} "
        f"| {line.p99:.2f} | {cpu} | {memory} |"
    )


Work = Callable[[Connection, int], Awaitable[None]]


async def over_http(report: Report, scenario: str, target: Target, connections: int, work: Work) -> None:
    """Measure a load on a service."""
    before = target.cpu_seconds()
    sample = await load("127.0.0.1", target.port, connections, work)
    cpu = (target.cpu_seconds() - before) / len(sample.latencies) * 1000
    add(report, scenario, target.name, connections, sample, cpu, target.memory_bytes() / 1e6)


def add(
    report: Report, scenario: str, name: str, connections: int, sample: Sample, cpu: float | None, memory: float | None
) -> None:
    p50, p99 = sample.percentile(50), sample.percentile(99)
    report.add(Line(scenario, name, connections, sample.per_second, p50, p99, cpu, memory, sample.wrong))


async def writes(report: Report, target: Target, seconds: float) -> None:
    """The write path, for about ``seconds`` at each number of connections (as the first, short try tells)."""
    for connections in CONNECTIONS:
        tried = await load("127.0.0.1", target.port, connections, lambda c, n: write_path(c, n, 5))
        count = max(5, int(tried.per_second * seconds / 5 / connections))
        await over_http(report, "write path", target, connections, lambda c, n, k=count: write_path(c, n, k))  # type: ignore[misc]


async def measure_ours(report: Report, conninfo: str, seconds: float) -> None:
    with our_service(conninfo) as target:
        await writes(report, target, seconds)
        pool = Pool(conninfo, size=max(CONNECTIONS), wait_seconds=30, statement_seconds=60)
        ours = {c: report.rate("write path", target.name, c) or 0 for c in CONNECTIONS}
        for connections in CONNECTIONS:
            count = max(5, int(ours[connections] * seconds / 5 / connections))
            await in_sql(pool, connections, lambda p, s: write_path_in_sql(p, s, 5))
            sample = await in_sql(pool, connections, lambda p, s, k=count: write_path_in_sql(p, s, k))
            add(report, "write path", SQL, connections, sample, None, None)

        fill(conninfo)
        async with pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT run_number, step_name, task_id FROM tasks_v3 WHERE flow_id = 'Full' AND task_id %% 97 = 0", {}
            )
            sampled = [(str(run), str(step), str(task)) for run, step, task in await cursor.fetchall()]
        paths, places = [], []
        for run, step, task in sampled:
            inside = f"/flows/Full/runs/{run}"
            in_step = f"{inside}/steps/{step}"
            paths += [inside, in_step, f"{in_step}/tasks/{task}", f"{in_step}/tasks/{task}/artifacts/x"]
            place = {
                "flow": "Full",
                "run_number": run,
                "run_id": None,
                "step": step,
                "task_id": task,
                "task_name": None,
            }
            place["name"] = "x"
            places += [(statement, place) for statement in (runs.READ, steps.READ, tasks.READ, artifacts.READ)]
        for connections in CONNECTIONS:
            count = int(1500 * seconds / connections)
            await over_http(
                report, "point reads", target, connections, lambda c, n, k=count: point_reads(c, n, paths, k)
            )  # type: ignore[misc]
            sample = await in_sql(pool, connections, lambda p, s, k=count: point_reads_in_sql(p, s, places, k))
            add(report, "point reads", SQL, connections, sample, None, None)

        whole = f"all {RUNS:,} runs"
        for connections in CONNECTIONS:
            await over_http(
                report, whole, target, connections, lambda c, n: point_reads(c, n, ["/flows/Full/runs"], 10)
            )

        async def list_in_sql(pool: Pool, sample: Sample) -> None:
            for _ in range(10):
                await timed_list(pool, sample)

        for connections in CONNECTIONS:
            add(report, whole, SQL, connections, await in_sql(pool, connections, list_in_sql), None, None)
        await pool.close()


async def timed_list(pool: Pool, sample: Sample) -> None:
    started = asyncio.get_running_loop().time()
    reply: Reply = await send_all(pool, runs.LIST, Call(pool, {"flow": "Full"}, [], b"").address())
    if reply.chunks is not None:
        async for _ in reply.chunks:
            pass
    sample.latencies.append(asyncio.get_running_loop().time() - started)


async def measure_peer(report: Report, program: Path, seconds: float) -> None:
    with local_service(program) as target:
        await writes(report, target, seconds)
        sample = Sample()
        connection = await Connection.open("127.0.0.1", target.port, sample)
        listed = await connection.ask("GET", f"/flows/{FLOW}/runs")
        run = json.loads(listed)[0]["run_number"]
        inside = f"/flows/{FLOW}/runs/{run}"
        task = json.loads(await connection.ask("GET", f"{inside}/steps/start/tasks"))[0]["task_id"]
        in_step = f"{inside}/steps/start"
        paths = [inside, in_step, f"{in_step}/tasks/{task}", f"{in_step}/tasks/{task}/artifacts/artifact_1"]
        for connections in CONNECTIONS:
            count = int(200 * seconds / connections)
            await over_http(
                report,
                "point reads (few rows)",
                target,
                connections,
                lambda c, n, k=count: point_reads(c, n, paths, k),  # type: ignore[misc]
            )


def ratios(report: Report) -> list[str]:
    """What the figures come to."""
    lines = []
    for connections in CONNECTIONS:
        for scenario, other, other_scenario in (
            ("write path", "metaflow-local-service", "write path"),
            ("write path", SQL, "write path"),
            ("point reads", "metaflow-local-service", "point reads (few rows)"),
            ("point reads", SQL, "point reads"),
            (f"all {RUNS:,} runs", SQL, f"all {RUNS:,} runs"),
        ):
            ours, theirs = report.rate(scenario, "ours", connections), report.rate(other_scenario, other, connections)
            if ours and theirs:
                lines.append(f"* {scenario}, {connections} connections: {ours / theirs:.2f} times {other}")
    return lines


def machine() -> str:
    """What it ran on."""
    model = "unknown CPU"
    if Path("/proc/cpuinfo").exists():
        names = [
            x.split(":")[1].strip()
            for x in Path("/proc/cpuinfo").read_text().splitlines()
            if x.startswith("model name")
        ]
        model = names[0] if names else platform.machine()
    load_average = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}, load before: {load_average:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peer", type=Path, help="the program metaflow-local-service")
    parser.add_argument("--rounds", type=int, default=3, help="of everything; medians are kept (%(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load, about (%(default)s)")
    parser.add_argument("--write", type=Path, help="keep the report in this file")
    options = parser.parse_args()
    where = machine()
    report = Report()
    print(where, HEADINGS, sep="\n\n")
    for _ in range(options.rounds):
        if options.peer:
            uvloop.run(measure_peer(report, options.peer.absolute(), options.seconds))
        with database() as conninfo:
            uvloop.run(measure_ours(report, conninfo, options.seconds))
    told = "\n".join(ratios(report))
    print(told)
    if options.write:
        table = "\n".join([HEADINGS, *map(row, report.medians())])
        options.write.write_text(
            f"# The metadata service, measured\n\n{where}; medians of {options.rounds} rounds.\n\n{table}\n\n{told}\n"
        )
    if any(line.wrong for line in report.lines if line.target == "ours"):
        sys.exit("there were wrong answers")


if __name__ == "__main__":
    main()
