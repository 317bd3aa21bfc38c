"""The lines of the report, their medians, and the ratios between them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One load on one target: requests per second, latencies in ms, CPU in ms per request, and memory in MB."""

    scenario: str
    target: str
    connections: int
    per_second: float
    p50: float
    p99: float
    service_cpu: float | None
    database_cpu: float
    generator_cpu: float
    memory: float | None
    wrong: int

    def __str__(self) -> str:
        """In Markdown."""
        service = "" if self.service_cpu is None else f"{self.service_cpu:.2f}"
        memory = "" if self.memory is None else f"{self.memory:.0f}"
        wrong = f" ({self.wrong} wrong answers)" if self.wrong else ""
        return (
            f"| {self.scenario} | {self.target}{wrong} | {self.connections} | {self.per_second:.0f} | {self.p50:.2f} "
            f"| {self.p99:.2f} | {service} | {self.database_cpu:.2f} | {self.generator_cpu:.2f} | {memory} |"
        )


class Report:
    """The lines so far; printed as they come."""

    HEADINGS = """\
| load | target | connections | requests/s | p50 ms | p99 ms | service CPU ms | database CPU ms | asker CPU ms | MB |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def add(self, line: Line) -> None:
        self.lines.append(line)
        print(line, flush=True)

    def _of(self, scenario: str, target: str, connections: int) -> list[Line]:
        return [x for x in self.lines if (x.scenario, x.target, x.connections) == (scenario, target, connections)]

    def medians(self) -> list[str]:
        """One line for each load: of all rounds the one with the median rate."""
        loads = dict.fromkeys((x.scenario, x.target, x.connections) for x in self.lines)
        return [
            str(sorted(lines, key=lambda x: x.per_second)[len(lines) // 2]) for lines in (self._of(*x) for x in loads)
        ]

    def ratios(self, connections: Iterable[int], scenarios: Iterable[str]) -> list[str]:
        """How many times as many requests ours answers as the others do: the median of the rounds, and each."""
        told = []
        for number in connections:
            for scenario in scenarios:
                for other in ("metaflow-local-service", "plain SQL"):
                    pairs = zip(self._of(scenario, "ours", number), self._of(scenario, other, number), strict=False)
                    times = [ours.per_second / theirs.per_second for ours, theirs in pairs]
                    if times:
                        each = ", ".join(f"{x:.2f}" for x in times)
                        told.append(
                            f"* {scenario}, {number} connections: {statistics.median(times):.2f} times {other} ({each})"
                        )
        return told
