"""The rules of status and duration, on rows written as each case needs them."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import psycopg
import pytest

from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.ui_backend import asked, attempts, rows
from metaflow_anywhere.ui_backend.attempts import SHA_OF_FALSE, SHA_OF_TRUE
from metaflow_anywhere.ui_backend.tables import address, read

_numbers = itertools.count()
DAY = 86_400
SLACK_MS = 150  # between reading the clock for a row and reading it again


@dataclass
class Case:
    """One run; all times are seconds before now."""

    table: psycopg.Connection[Any]
    database: str
    flow: str
    number: int

    def task(self, step: str, *, at: float = 100, beat: float | None = None) -> int:
        self.table.execute(
            "INSERT INTO steps_v3 (flow_id, run_number, run_id, step_name, ts_epoch) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (self.flow, self.number, str(self.number), step, milliseconds(at)),
        )
        row = self.table.execute(
            "INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch, last_heartbeat_ts)"
            " VALUES (%s, %s, %s, %s, %s) RETURNING task_id",
            (self.flow, self.number, step, milliseconds(at), None if beat is None else int(time.time() - beat)),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def say(self, step: str, task: int, field: str, value: str, *, at: float, attempt: int = 0) -> None:
        self.table.execute(
            "INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch, tags)"
            " VALUES (%s, %s, %s, %s, %s, %s, '', %s, %s)",
            (self.flow, self.number, step, task, field, value, milliseconds(at), json.dumps([f"attempt_id:{attempt}"])),
        )

    def store(self, step: str, task: int, sha: str, *, at: float) -> None:
        self.table.execute(
            "INSERT INTO artifact_v3 (flow_id, run_number, step_name, task_id, name, location, ds_type, sha,"
            " attempt_id, ts_epoch) VALUES (%s, %s, %s, %s, '_task_ok', 'somewhere', 'local', %s, 0, %s)",
            (self.flow, self.number, step, task, sha, milliseconds(at)),
        )

    def run(self) -> dict[str, Any]:
        return self._read(rows.runs(Cutoffs(), rows.THIS_RUN))[0]

    def found(self, query: str) -> list[dict[str, Any]]:
        """The runs of its flow that a list request finds."""
        table = rows.runs(Cutoffs(), rows.THIS_FLOW)
        wanted = asked.parse(parse_qsl(query), table.fields, table.order, derived=table.derived, tags=True)
        return self._ask(table.listing(wanted), wanted.parameters)

    def step(self, name: str) -> dict[str, Any]:
        found = self._read(rows.steps(Cutoffs()))
        return next(row for row in found if row["step_name"] == name)

    def attempts(self) -> list[dict[str, Any]]:
        return self._read(attempts.tasks(Cutoffs()))

    def _read(self, table: Any) -> list[dict[str, Any]]:
        return self._ask(table.one(), {})

    def _ask(self, statement: Any, parameters: dict[str, str]) -> list[dict[str, Any]]:
        async def ask() -> list[bytes]:
            pool = Pool(self.database, size=1, wait_seconds=5, statement_seconds=5)
            try:
                where = address({"flow": self.flow, "run": str(self.number)})
                return await read(pool, statement, {**where, **parameters})
            finally:
                await pool.close()

        return [json.loads(row) for row in asyncio.run(ask())]


def milliseconds(ago: float) -> int:
    return int((time.time() - ago) * 1000)


@pytest.fixture
def case(request: pytest.FixtureRequest, table: psycopg.Connection[Any], database: str) -> Case:
    """A run that began 100 s ago; ``beat`` says when it was heard last, ``name`` is a scheduler's."""
    given = {"beat": 5, "at": 100, "name": None, **getattr(request, "param", {})}
    flow = f"Status{next(_numbers)}"
    table.execute("INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES (%s, 0)", (flow,))
    beat = None if given["beat"] is None else int(time.time() - given["beat"])
    row = table.execute(
        "INSERT INTO runs_v3 (flow_id, run_id, ts_epoch, last_heartbeat_ts) VALUES (%s, %s, %s, %s)"
        " RETURNING run_number",
        (flow, given["name"], milliseconds(given["at"]), beat),
    ).fetchone()
    assert row is not None
    return Case(table, database, flow, int(row[0]))


def test_a_run_that_is_heard_of_is_running(case: Case) -> None:
    run = case.run()
    assert (run["status"], run["finished_at"]) == ("running", None)
    assert 94_000 <= run["duration"] <= 96_000


@pytest.mark.parametrize("case", [{"beat": 361, "at": 400}], indirect=True)
def test_a_run_that_is_silent_for_long_has_failed_when_it_was_heard_last(case: Case) -> None:
    run = case.run()
    assert (run["status"], run["finished_at"]) == ("failed", run["last_heartbeat_ts"] * 1000)
    assert run["duration"] == run["finished_at"] - run["ts_epoch"]


@pytest.mark.parametrize(
    ("case", "counts"), [({"beat": None}, True), ({"beat": None, "at": DAY + 9}, False)], indirect=["case"]
)
def test_a_run_never_heard_of_counts_its_duration_for_a_day(case: Case, counts: bool) -> None:
    run = case.run()
    assert (run["status"], run["finished_at"]) == ("failed", None)
    assert (run["duration"] is not None) == counts


@pytest.mark.parametrize(("value", "status"), [("True", "completed"), ("true", "completed"), ("False", "failed")])
@pytest.mark.parametrize("step", ["end", "finale"])
def test_the_outcome_of_the_last_step_is_the_runs(case: Case, value: str, status: str, step: str) -> None:
    if step != "end":
        case.say("_parameters", case.task("_parameters"), "end_step", step, at=99)
    task = case.task(step, beat=10)
    case.say(step, task, "attempt", "0", at=20)
    case.say(step, task, "attempt_ok", value, at=10)
    run = case.run()
    assert run["status"] == status
    assert 89_000 <= run["duration"] == run["finished_at"] - run["ts_epoch"] <= 91_000


@pytest.mark.parametrize("step", ["end", "finale"])
def test_a_last_step_that_is_tried_again_is_running(case: Case, step: str) -> None:
    case.say("_parameters", case.task("_parameters"), "end_step", step, at=99)
    task = case.task(step, beat=1)
    case.say(step, task, "attempt_ok", "False", at=10)
    case.say(step, task, "attempt", "1", at=5, attempt=1)
    assert case.run()["status"] == "running"
    assert [len(case.found(f"status={one}")) for one in ("running", "failed", "completed")] == [1, 0, 0]
    grouped = case.found("_group=flow_id&status=running")
    assert [row["status"] for row in grouped] == ["running"]


@pytest.mark.parametrize("lived", [0.4, 1.7, 8.0])
@pytest.mark.parametrize("case", [{"beat": None, "at": 400}], indirect=True)
def test_what_was_killed_did_not_end_before_it_began(case: Case, lived: float) -> None:
    """Heartbeats are in whole seconds, rounded down: the first may lie before the beginning of what it is of."""
    began = int(time.time()) - 400 + 0.8
    case.table.execute(
        "UPDATE runs_v3 SET ts_epoch = %s, last_heartbeat_ts = %s WHERE run_number = %s",
        (int(began * 1000), int(began), case.number),
    )
    task = case.task("work", at=time.time() - began - 0.1, beat=time.time() - began)
    case.say("work", task, "attempt", "0", at=time.time() - began - 0.15)
    case.say("work", task, "ds-root", "x", at=time.time() - began - lived)
    run, attempt = case.run(), case.attempts()[0]
    assert (run["status"], attempt["status"]) == ("failed", "failed")
    assert abs(run["duration"] - lived * 1000) < SLACK_MS
    assert run["finished_at"] == run["ts_epoch"] + run["duration"]
    assert abs(attempt["duration"] - (lived - 0.15) * 1000) < SLACK_MS
    assert attempt["finished_at"] == attempt["started_at"] + attempt["duration"] <= run["finished_at"]


@pytest.mark.parametrize(("value", "tried_again"), [("True", False), ("False", False), ("False", True)])
def test_a_heartbeat_counts_for_a_step_only_while_its_task_is_at_work(
    case: Case, value: str, tried_again: bool
) -> None:
    """The process of a task that has ended beats on until it is gone, which takes long on a busy machine."""
    task = case.task("work", at=90, beat=12)
    case.say("work", task, "attempt", "0", at=80)
    assert case.step("work")["duration"] >= 77_000
    case.say("work", task, "attempt_ok", value, at=40)
    if tried_again:
        case.say("work", task, "attempt", "1", at=30, attempt=1)
    expected = 77_000 if tried_again else 50_000
    assert expected - SLACK_MS <= case.step("work")["duration"] <= expected + 1000


@pytest.mark.parametrize("case", [{"beat": 3600, "at": 4000}], indirect=True)
def test_running_runs_are_found_however_they_run(case: Case) -> None:
    assert case.found("status=running") == []
    assert len(case.found("status=failed")) == 1
    task = case.task("end", beat=1)
    case.say("end", task, "attempt_ok", "False", at=10)
    case.say("end", task, "attempt", "1", at=5, attempt=1)
    assert len(case.found("status=running")) == len(case.found("status:eq=running,failed")) == 1
    assert case.found("status:ne=running") == []


def broken(case: Case, *, failed_at: float = 10) -> int:
    """A task that failed; the run beats on for a while."""
    task = case.task("start", beat=failed_at)
    case.say("start", task, "attempt", "0", at=50)
    case.say("start", task, "attempt_ok", "False", at=failed_at)
    return task


@pytest.mark.parametrize("case", [{"beat": 22}], indirect=True)
def test_a_failed_step_that_leaves_nothing_running_fails_the_run_once_its_client_is_gone(case: Case) -> None:
    broken(case)
    run = case.run()
    assert run["status"] == "failed"
    assert run["finished_at"] is not None


@pytest.mark.parametrize("failed_at", [1, 4, 30, 80])
@pytest.mark.parametrize("case", [{"beat": 1}, {"beat": 15}], indirect=True)
def test_a_run_whose_client_beats_may_be_about_to_try_again(case: Case, failed_at: float) -> None:
    """What imports large libraries needs long until it says that it has begun."""
    broken(case, failed_at=failed_at)
    assert case.run()["status"] == "running"


@pytest.mark.parametrize("case", [{"beat": 22}], indirect=True)
def test_a_retry_or_a_sibling_at_work_keeps_the_run_running(case: Case) -> None:
    task = broken(case)
    case.say("start", task, "attempt", "1", at=5, attempt=1)
    case.table.execute("UPDATE tasks_v3 SET last_heartbeat_ts = extract(epoch FROM now()) WHERE task_id = %s", (task,))
    assert case.run()["status"] == "running"
    case.say("start", task, "attempt_ok", "False", at=4, attempt=1)
    assert case.run()["status"] == "failed"
    case.task("other", beat=2)
    assert case.run()["status"] == "running"


@pytest.mark.parametrize(
    ("case", "status"), [({"beat": 3, "at": 300}, "pending"), ({"beat": 90, "at": 300}, "failed")], indirect=["case"]
)
@pytest.mark.parametrize("silent", [62, 200])
def test_a_task_that_is_slow_to_start_has_not_failed_while_its_run_beats(
    case: Case, silent: float, status: str
) -> None:
    case.task("work", at=silent, beat=silent)
    attempt = case.attempts()[0]
    assert (attempt["status"], attempt["finished_at"] is None) == (status, status == "pending")


@pytest.mark.parametrize("case", [{"name": "argo-1", "beat": 22}], indirect=True)
def test_a_schedulers_run_is_given_its_time(case: Case) -> None:
    broken(case)
    assert case.run()["status"] == "running"


@pytest.mark.parametrize("case", [{"beat": 70}], indirect=True)
def test_a_run_killed_with_its_task_fails_when_the_task_does(case: Case) -> None:
    task = case.task("start", beat=70)
    case.say("start", task, "attempt", "0", at=90)
    assert case.run()["status"] == "failed"


@pytest.mark.parametrize("case", [{"beat": 70}], indirect=True)
def test_a_run_between_two_steps_has_not_failed(case: Case) -> None:
    task = case.task("start", beat=75)
    case.say("start", task, "attempt_ok", "True", at=75)
    assert case.run()["status"] == "running"


@pytest.mark.parametrize("case", [{"at": -5}], indirect=True)
def test_no_duration_is_negative_whatever_the_clocks_say(case: Case) -> None:
    task = case.task("end", at=-5)
    case.say("end", task, "attempt", "0", at=-4)
    assert case.run()["duration"] == 0
    case.say("end", task, "attempt_ok", "True", at=3)
    assert case.run()["duration"] == 0
    assert case.attempts()[0]["duration"] == 0


def test_attempts_by_the_rules_in_their_order(case: Case) -> None:
    def one(step: str, **more: Any) -> dict[str, Any]:
        found = [row for row in case.attempts() if row["step_name"] == step]
        assert len(found) == 1, found
        return found[0]

    done = case.task("done", beat=30)
    case.say("done", done, "attempt", "0", at=40)
    case.say("done", done, "attempt_ok", "True", at=30)
    assert (one("done")["status"], one("done")["task_ok"]) == ("completed", None)
    assert 9_000 <= one("done")["duration"] <= 11_000

    for name, sha, status in (
        ("t", SHA_OF_TRUE, "completed"),
        ("f", SHA_OF_FALSE, "failed"),
        ("u", "0" * 40, "unknown"),
    ):
        task = case.task(name, beat=30)
        case.say(name, task, "attempt-done", "0", at=30)
        case.store(name, task, sha, at=31)
        assert (one(name)["status"], one(name)["task_ok"]) == (status, "somewhere")

    quiet = case.task("quiet", beat=61)
    case.say("quiet", quiet, "attempt", "0", at=90)
    assert one("quiet")["status"] == "failed"
    assert one("quiet")["finished_at"] == one("quiet")["last_heartbeat_ts"] * 1000

    case.task("old", at=DAY + 5)
    assert (one("old")["status"], one("old")["duration"]) == ("failed", None)
    case.task("waiting")
    assert (one("waiting")["status"], one("waiting")["duration"], one("waiting")["started_at"]) == (
        "pending",
        None,
        None,
    )
    case.task("working", beat=1)
    assert (one("working")["status"], one("working")["finished_at"]) == ("running", None)

    again = case.task("again", beat=1)
    case.say("again", again, "attempt", "0", at=50)
    case.say("again", again, "attempt", "1", at=40, attempt=1)
    first, second = sorted(
        (row for row in case.attempts() if row["step_name"] == "again"), key=lambda r: r["attempt_id"]
    )
    assert (first["status"], second["status"]) == ("failed", "running")
    assert first["finished_at"] == second["started_at"]
