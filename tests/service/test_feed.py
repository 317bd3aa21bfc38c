"""What the service tells the change feed: what the triggers tell of other writers, and nothing that did not happen."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from metaflow_anywhere.database.feed import CHANNEL, Change, parse_payload
from tests.service.conftest import RUN_TAGS, Made
from tests.service.running import Client, RunningService, service_environment


@pytest.fixture
def heard(database: str) -> Iterator[Callable[[int], list[Change]]]:
    """Everything told since the test's beginning, which must be at least so many rows."""
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}")

        def changes(count: int) -> list[Change]:
            found: list[Change] = []
            for notification in listener.notifies(timeout=60):
                found.append(parse_payload(notification.payload))
                if sum(len(change.rows) for change in found) >= count:
                    break
            more = listener.notifies(timeout=0.3)
            return found + [parse_payload(notification.payload) for notification in more]

        yield changes


def test_everything_that_is_made_is_told_by_its_keys(http: Client, heard: Callable[[int], list[Change]]) -> None:
    flow = 'Told "quoted" ä'
    path = "/flows/Told%20%22quoted%22%20%C3%A4"
    http.made(path)
    run = http.made(f"{path}/run", {**RUN_TAGS, "run_number": "named"})
    assert run["run_number"] == "named"
    http.made(f"{path}/runs/named/steps/start/step")
    http.made(f"{path}/runs/named/steps/start/task", {"task_id": "first"})
    rows = [{"field_name": name, "value": "0"} for name in ("attempt", "other", "attempt_ok")]
    assert http.made(f"{path}/runs/named/steps/start/tasks/first/metadata", rows) == {"metadata_created": 3}
    http("PATCH", f"{path}/runs/named/tag/mutate", {"tags_to_add": ["new"]})
    told = {(change.table, change.operation): change.rows for change in heard(7)}
    [in_run] = told["runs_v3", "INSERT"]
    in_step = {**in_run, "step_name": "start"}
    [in_task] = told["tasks_v3", "INSERT"]
    metadata = told["metadata_v3", "INSERT"]
    assert in_run == {"flow_id": flow, "run_number": in_run["run_number"]}
    assert isinstance(in_run["run_number"], int)
    assert told["flows_v3", "INSERT"] == [{"flow_id": flow}]
    assert told["steps_v3", "INSERT"] == [in_step]
    assert in_task == {**in_step, "task_id": in_task["task_id"]}
    assert [row["field_name"] for row in metadata] == ["attempt", "attempt_ok"]
    assert [{**row, "id": 0, "field_name": ""} for row in metadata] == [{**in_task, "id": 0, "field_name": ""}] * 2
    assert all(isinstance(row["id"], int) for row in metadata)
    assert told["runs_v3", "UPDATE"] == [in_run]
    assert len(told) == 6


def test_what_changes_nothing_for_a_page_is_not_told(
    http: Client, heard: Callable[[int], list[Change]], made: Made
) -> None:
    attempts: list[tuple[str, str, Any]] = [
        ("POST", made.flow, {}),  # exists
        ("POST", f"{made.run}/steps/start/step", {}),  # exists
        ("POST", f"{made.flow}/runs/0/steps/start/step", {}),  # no run
        ("POST", f"{made.run}/steps/none/task", {}),  # no step
        ("POST", f"{made.step}/tasks/0/metadata", [{"field_name": "attempt", "value": "0"}]),  # no task
        ("POST", f"{made.task}/metadata", [{"field_name": "other", "value": "0"}]),
        ("POST", f"{made.task}/artifact", [{"name": "x"}]),
        ("POST", f"{made.run}/heartbeat", {}),
        ("POST", f"{made.task}/heartbeat", {}),
        ("PATCH", f"{made.run}/tag/mutate", {"tags_to_add": ["mine"]}),  # has it
        ("PATCH", f"{made.run}/tag/mutate", {"tags_to_remove": ["user:ann"]}),  # may not
    ]
    heard(4)  # what was made before: a flow, a run, a step, a task
    for method, path, body in attempts:
        http(method, path, body)
    last = http.made(f"{made.step}/task")["task_id"]
    told = heard(1)
    assert [(change.table, [row["task_id"] for row in change.rows]) for change in told] == [("tasks_v3", [last])]


def test_what_is_acknowledged_before_the_end_is_told(
    database: str, folder: Path, heard: Callable[[int], list[Change]]
) -> None:
    service = RunningService(folder, service_environment(database))
    client = Client(service.url)
    names = [f"Last{number}" for number in range(20)]
    for name in names:
        client.made(f"/flows/{name}")
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(60) == 0
    assert [row["flow_id"] for change in heard(len(names)) for row in change.rows] == names
