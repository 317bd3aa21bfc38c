"""Status, end and duration of a run, rule by rule."""

from __future__ import annotations

import time

import psycopg
import pytest

from metaflow_anywhere.database.run_status import RunStatus

NOW = int(time.time())
CREATED = (NOW - 1000) * 1000
DAY_OLD = CREATED - 2 * 86_400_000


@pytest.mark.parametrize(
    ("created", "beat", "rows", "expected"),
    [
        pytest.param(
            CREATED, NOW - 5, [("end", "attempt_ok", "True", 50)], ("completed", CREATED + 50_000, 50_000), id="ok"
        ),
        pytest.param(
            CREATED, None, [("end", "attempt_ok", "true", 50)], ("completed", CREATED + 50_000, 50_000), id="true"
        ),
        pytest.param(
            CREATED, NOW - 5, [("end", "attempt_ok", "False", 50)], ("failed", CREATED + 50_000, 50_000), id="not ok"
        ),
        pytest.param(
            CREATED,
            NOW - 5,
            [("end", "attempt_ok", "False", 50), ("end", "attempt", "1", 60)],
            ("running", None, (NOW - 5) * 1000 - CREATED),
            id="retried",
        ),
        pytest.param(
            CREATED,
            None,
            [("end", "attempt_ok", "False", 50), ("end", "attempt", "1", 60)],
            ("running", None, 50_000),
            id="retried without a sign of life",
        ),
        pytest.param(
            CREATED,
            NOW - 5,
            [("end", "attempt_ok", "False", 50), ("end", "attempt", "1", 60), ("end", "attempt_ok", "True", 70)],
            ("completed", CREATED + 70_000, 70_000),
            id="retried well",
        ),
        pytest.param(
            CREATED,
            None,
            [("end", "attempt_ok", "True", 50), ("end", "attempt", "1", 60)],
            ("completed", CREATED + 50_000, 50_000),
            id="an attempt after success is no retry",
        ),
        pytest.param(
            CREATED,
            NOW - 5,
            [("work", "attempt_ok", "False", 50)],
            ("running", None, (NOW - 5) * 1000 - CREATED),
            id="alive",
        ),
        pytest.param(
            CREATED,
            NOW - 400,
            [],
            ("failed", (NOW - 400) * 1000, (NOW - 400) * 1000 - CREATED),
            id="silent for too long",
        ),
        pytest.param(DAY_OLD, None, [], ("failed", None, None), id="old, and never a sign of life"),
    ],
)
def test_the_first_rule_that_fits_decides(
    tables: psycopg.Connection,
    created: int,
    beat: int | None,
    rows: list[tuple[str, str, str, int]],
    expected: tuple[str, int | None, int | None],
) -> None:
    late = int(time.time()) - NOW  # the cases were written down when the test run began
    status, finished_at, duration = expected
    moved = (status, finished_at and finished_at + late * 1000, duration)
    assert read(tables, created + late * 1000, beat and beat + late, rows) == moved


def test_a_young_run_without_a_sign_of_life_has_failed_but_counts_on(tables: psycopg.Connection) -> None:
    created = int(time.time() - 1000) * 1000
    status, finished_at, duration = read(tables, created, None, [])
    assert (status, finished_at) == ("failed", None)
    assert duration is not None
    assert abs(duration - (time.time() * 1000 - created)) < 10_000


def read(
    connection: psycopg.Connection, created: int, beat: int | None, rows: list[tuple[str, str, str, int]]
) -> tuple[str, int | None, int | None]:
    """What is told of a run of these rows; their last number is seconds after the run began."""
    connection.execute("INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES ('F', 1)")
    connection.execute(
        "INSERT INTO runs_v3 (flow_id, ts_epoch, last_heartbeat_ts) VALUES ('F', %s, %s), ('F', 1, 1)", (created, beat)
    )
    for step, field, value, seconds in rows:
        connection.execute(
            """INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch)
            VALUES ('F', 1, %s, 1, %s, %s, 't', %s)""",
            (step, field, value, created + seconds * 1000),
        )
    of = RunStatus("r")
    query = f"SELECT {of.status}, {of.finished_at}, {of.duration} FROM runs_v3 AS r {of.joins} WHERE r.run_number = 1"
    found = connection.execute(query.encode()).fetchall()
    assert len(found) == 1
    return found[0]
