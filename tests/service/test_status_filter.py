"""The status filter of runs says what the runs' pages say, whatever their steps are called."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.service.running import Client, RunningService, service_environment


class Writer:
    """Runs of one flow, told as the client tells them."""

    def __init__(self, http: Client, flow: str) -> None:
        self._http, self._flow = http, flow

    def run(self, end: str, *outcomes: tuple[str, str]) -> int:
        """A run whose last step is ``end``; ``outcomes`` are the fields and values of its metadata, in order."""
        number = int(self._http.made(f"{self._flow}/run", {"system_tags": ["metaflow_version:2.19.39"]})["run_number"])
        self._task(number, "_parameters", ("end_step", end))
        self._task(number, end, *outcomes)
        return number

    def _task(self, number: int, step: str, *said: tuple[str, str]) -> None:
        path = f"{self._flow}/runs/{number}/steps/{step}"
        self._http.made(f"{path}/step")
        task = self._http.made(f"{path}/task")["task_id"]
        for field, value in said:  # one after the other: what counts is the newest
            self._http.made(f"{path}/tasks/{task}/metadata", [{"field_name": field, "value": value, "type": field}])

    def found(self, status: str) -> list[int]:
        """The runs with this status, oldest first."""
        return sorted(row["run_number"] for row in self._http.read(f"{self._flow}/runs?status={status}"))


OK, NOT_OK, FIRST, SECOND = ("attempt_ok", "True"), ("attempt_ok", "False"), ("attempt", "0"), ("attempt", "1")


@pytest.mark.parametrize("end", ["end", "finish", "only", "end_of_all"])
def test_the_last_step_decides_whatever_it_is_called(http: Client, flow: str, end: str) -> None:
    writer = Writer(http, flow)
    well = writer.run(end, FIRST, OK)
    badly = writer.run(end, FIRST, NOT_OK)
    again = writer.run(end, FIRST, NOT_OK, SECOND)
    at_last = writer.run(end, FIRST, NOT_OK, SECOND, OK)
    under_way = writer.run(end, FIRST)
    assert writer.found("completed") == [well, at_last]
    assert writer.found("failed") == [badly]
    assert writer.found("running") == [again, under_way]
    assert writer.found("running,failed") == [badly, again, under_way]


def test_a_step_called_end_that_is_not_the_last_decides_nothing(http: Client, flow: str) -> None:
    writer = Writer(http, flow)
    run = writer.run("finish", FIRST)
    writer._task(run, "end", FIRST, OK)
    assert writer.found("running") == [run]
    assert writer.found("completed") == []


def test_a_renamed_end_of_another_run_decides_nothing(http: Client, flow: str) -> None:
    writer = Writer(http, flow)
    writer.run("finish", FIRST, OK)
    other = writer.run("end", FIRST)
    writer._task(other, "finish", FIRST, OK)
    assert writer.found("running") == [other]


def test_the_service_is_told_after_how_much_silence_a_run_has_failed(
    http: Client, flow: str, database: str, table: psycopg.Connection, folder: Path
) -> None:
    writer = Writer(http, flow)
    run = writer.run("end", FIRST)
    table.execute("UPDATE runs_v3 SET last_heartbeat_ts = last_heartbeat_ts - 30 WHERE run_number = %s", (run,))
    assert writer.found("running") == [run]
    hasty = RunningService(folder, {**service_environment(database), "RUN_INACTIVE_CUTOFF_TIME": "20"})
    try:
        assert Writer(Client(hasty.url), flow).found("running") == []
        assert Writer(Client(hasty.url), flow).found("failed") == [run]
    finally:
        hasty.stop()
