"""The change feed: who listens is told the keys of what was committed, in few payloads."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from metaflow_anywhere.database.feed import CHANNEL, METADATA_FIELDS, Change, parse_payload

RUN = {"flow_id": "F", "run_number": 1}
STEP = {**RUN, "step_name": "s"}
Heard = Callable[[str], list[Change]]


@pytest.fixture
def heard(tables: psycopg.Connection, database: str) -> Heard:
    """Runs a statement and returns what it published; flow F with run 1, step s and task 1 is there."""
    tables.execute("INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES ('F', 1)")
    tables.execute("INSERT INTO runs_v3 (flow_id, ts_epoch, last_heartbeat_ts) VALUES ('F', 1, 1)")
    tables.execute("INSERT INTO steps_v3 (flow_id, run_number, step_name, ts_epoch) VALUES ('F', 1, 's', 1)")
    tables.execute("INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch) VALUES ('F', 1, 's', 1)")

    def listen(statement: str) -> list[Change]:
        with psycopg.connect(database, autocommit=True) as listener:
            listener.execute(f"LISTEN {CHANNEL}")
            tables.execute(statement.encode())
            tables.execute(f"SELECT pg_notify('{CHANNEL}', 'end')")
            payloads: list[str] = []
            for notification in listener.notifies(timeout=60):
                if notification.payload == "end":
                    return [parse_payload(payload) for payload in payloads]
                payloads.append(notification.payload)
        raise AssertionError("the end was not heard")

    return listen


@pytest.mark.parametrize(
    ("statement", "change"),
    [
        ("INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES ('G', 1)", Change("flows_v3", "INSERT", [{"flow_id": "G"}])),
        ("UPDATE flows_v3 SET tags = '[]'", Change("flows_v3", "UPDATE", [{"flow_id": "F"}])),
        (
            "INSERT INTO runs_v3 (flow_id, run_number, ts_epoch) VALUES ('F', 7, 1)",
            Change("runs_v3", "INSERT", [{"flow_id": "F", "run_number": 7}]),
        ),
        ("UPDATE runs_v3 SET tags = '[\"a\"]'", Change("runs_v3", "UPDATE", [RUN])),
        ("UPDATE steps_v3 SET user_name = 'u'", Change("steps_v3", "UPDATE", [STEP])),
        (
            "INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch) VALUES ('F', 1, 's', 1), ('F', 1, 's', 2)",
            Change("tasks_v3", "INSERT", [{**STEP, "task_id": 2}, {**STEP, "task_id": 3}]),
        ),
    ],
)
def test_what_is_written_is_told_by_its_keys(heard: Heard, statement: str, change: Change) -> None:
    assert heard(statement) == [change]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs_v3 SET last_heartbeat_ts = 99",
        "UPDATE runs_v3 SET tags = tags",
        "UPDATE tasks_v3 SET last_heartbeat_ts = 99",
        "INSERT INTO flows_v3 SELECT * FROM flows_v3 WHERE false",
        "INSERT INTO artifact_v3"
        " (flow_id, run_number, step_name, task_id, name, location, ds_type, attempt_id, ts_epoch)"
        " VALUES ('F', 1, 's', 1, 'x', 'l', 'local', 0, 1)",
        "INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch)"
        " VALUES ('F', 1, 's', 1, 'user', 'u', 't', 1)",
    ],
)
def test_heartbeats_artifacts_and_most_metadata_are_not_told(heard: Heard, statement: str) -> None:
    assert heard(statement) == []


@pytest.mark.parametrize("field", sorted(METADATA_FIELDS))
def test_the_metadata_that_changes_a_status_is_told(heard: Heard, field: str) -> None:
    changes = heard(
        "INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch)"
        f" VALUES ('F', 1, 's', 1, 'user', 'u', 't', 1), ('F', 1, 's', 1, '{field}', repeat('v', 9000), 't', 1)"
    )
    assert changes == [Change("metadata_v3", "INSERT", [{**STEP, "task_id": 1, "id": 2, "field_name": field}])]


def test_a_burst_is_told_whole_in_few_payloads(heard: Heard) -> None:
    changes = heard(
        "INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch)"
        " SELECT 'F', 1, 's', n FROM generate_series(1, 5000) n"
    )
    rows = [row["task_id"] for change in changes for row in change.rows]
    assert rows == list(range(2, 5002))
    assert len(changes) < 200


def test_the_longest_names_there_can_be_fit_into_payloads(heard: Heard) -> None:
    name = "repeat(chr(1), 255)"
    changes = heard(
        f"INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES ({name}, 1);"
        f"INSERT INTO runs_v3 (flow_id, run_number, ts_epoch) VALUES ({name}, 9, 1);"
        f"INSERT INTO steps_v3 (flow_id, run_number, step_name, ts_epoch) VALUES ({name}, 9, {name}, 1);"
        f"INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch)"
        f" SELECT {name}, 9, {name}, n FROM generate_series(1, 5) n"
    )
    assert sum(len(change.rows) for change in changes if change.table == "tasks_v3") == 5


def test_another_payload_is_refused() -> None:
    for payload in ("", "{}", "[]", "nonsense"):
        with pytest.raises(ValueError):
            parse_payload(payload)
