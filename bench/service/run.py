"""``python bench/service/run.py``: our service, metaflow-local-service and plain SQL in one run; prints a report.

Give ``--peer PATH/metaflow-local-service`` (installed in an environment of its own, as it pins other versions), and
``--write FILE`` to keep the report. What is compared runs in turns, a few seconds each, so that whatever else the
machine does falls on all of it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import uvloop
from generator import Sample, Work, load
from report import Line, Report
from scenarios import InSQL, in_sql, point_reads, write_path
from targets import RUNS, DatabaseProcesses, Target, database, fill, local_service, our_service, sync_milliseconds

from metaflow_anywhere.service import artifacts, runs, steps, tasks

CONNECTIONS = (1, 8, 32)
WARM_SECONDS = 0.5
WRITES, READS, LIST = "write path", "point reads", f"all {RUNS:,} runs"


@dataclass(frozen=True)
class Bench:
    """One round's database, and where its figures go."""

    report: Report
    conninfo: str
    processes: DatabaseProcesses
    seconds: float

    def over_http(self, scenario: str, target: Target, connections: int, work: Callable[[int], Work]) -> None:
        """Measure a load on a service; ``work`` is called with the number of each connection."""
        load(target.port, [work(number) for number in range(connections)], min(self.seconds, WARM_SECONDS))
        of_service, of_database = target.cpu_seconds(), self.processes.cpu_seconds()
        sample = load(target.port, [work(number) for number in range(connections)], self.seconds)
        sample.database_cpu_seconds = self.processes.cpu_seconds() - of_database
        service_cpu = target.cpu_seconds() - of_service
        self._add(scenario, target.name, connections, sample, service_cpu, target.memory_bytes())

    def in_sql(self, scenario: str, connections: int, work: Callable[[InSQL, int], Coroutine[Any, Any, None]]) -> None:
        """Measure the same as SQL."""
        for seconds in (min(self.seconds, WARM_SECONDS), self.seconds):
            sample = uvloop.run(in_sql(self.conninfo, connections, seconds, work, self.processes.cpu_seconds))
        self._add(scenario, "plain SQL", connections, sample, None, None)

    def _add(
        self, scenario: str, name: str, connections: int, sample: Sample, cpu: float | None, memory: int | None
    ) -> None:
        per_request = 1000 / len(sample.latencies)
        line = Line(
            scenario=scenario,
            target=name,
            connections=connections,
            per_second=sample.per_second,
            p50=sample.percentile(50),
            p99=sample.percentile(99),
            service_cpu=None if cpu is None else cpu * per_request,
            database_cpu=sample.database_cpu_seconds * per_request,
            generator_cpu=sample.own_cpu_seconds * per_request,
            memory=None if memory is None else memory / 1e6,
            wrong=sample.wrong,
        )
        self.report.add(line)


def places(conninfo: str) -> Iterator[tuple[str, tuple[str, dict[str, Any]]]]:
    """What point reads ask for among very many rows: paths, and the same as statements with parameters."""
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(
            "SELECT run_number, step_name, task_id FROM tasks_v3 WHERE flow_id = 'Full' AND task_id % 97 = 0"
        ).fetchall()
    for run, step, task in found:
        inside = f"/flows/Full/runs/{run}"
        in_step = f"{inside}/steps/{step}"
        place = {"flow": "Full", "run_number": str(run), "run_id": None, "step": step, "task_id": str(task),
                 "task_name": None, "name": "x"}  # fmt: skip
        yield inside, (runs.READ, place)
        yield in_step, (steps.READ, place)
        yield f"{in_step}/tasks/{task}", (tasks.READ, place)
        yield f"{in_step}/tasks/{task}/artifacts/x", (artifacts.READ, place)


def measure(bench: Bench, peer: Target | None) -> None:
    """One round."""
    with our_service(bench.conninfo) as ours:
        for connections in CONNECTIONS:
            for target in [peer, ours] if peer else [ours]:
                bench.over_http(WRITES, target, connections, lambda _: write_path())
            bench.in_sql(WRITES, connections, lambda worker, _: worker.write_path())
        fill(bench.conninfo)
        known = list(places(bench.conninfo))
        paths, statements = [path for path, _ in known], [statement for _, statement in known]
        for connections in CONNECTIONS:
            bench.over_http(READS, ours, connections, lambda number: point_reads(paths, number))
            bench.in_sql(READS, connections, lambda worker, number: worker.point_reads(statements, number))
        for connections in CONNECTIONS:
            bench.over_http(LIST, ours, connections, lambda _: point_reads(["/flows/Full/runs"], 0))
            bench.in_sql(LIST, connections, lambda worker, _: worker.whole_list())


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
    parser.add_argument("--seconds", type=float, default=2.5, help="of each load (%(default)s)")
    parser.add_argument("--write", type=Path, help="keep the report in this file")
    options = parser.parse_args()
    where, report, syncs = machine(), Report(), []
    print(where, Report.HEADINGS, sep="\n\n")
    for _ in range(options.rounds):
        with database() as conninfo, contextlib.ExitStack() as stack:
            syncs.append(sync_milliseconds())
            peer = stack.enter_context(local_service(options.peer.absolute())) if options.peer else None
            measure(Bench(report, conninfo, DatabaseProcesses.of(conninfo), options.seconds), peer)
            syncs.append(sync_milliseconds())
    disk = f"fdatasync of 8 kB: median {statistics.median(syncs):.2f} ms, from {min(syncs):.2f} to {max(syncs):.2f}"
    told = "\n".join(report.ratios(CONNECTIONS, (WRITES, READS, LIST)))
    print(disk, told, sep="\n\n")
    if options.write:
        table = "\n".join([Report.HEADINGS, *report.medians()])
        options.write.write_text(
            f"# The metadata service, measured\n\n{where}; medians of {options.rounds} rounds.\n{disk}.\n\n"
            f"{table}\n\n{told}\n"
        )
    if any(line.wrong for line in report.lines):
        sys.exit("there were wrong answers")


if __name__ == "__main__":
    main()
