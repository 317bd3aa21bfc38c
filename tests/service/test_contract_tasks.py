"""The wire contract of tasks, heartbeats, metadata, artifacts and tags, row by row: status, body and headers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from metaflow_anywhere.database.datastores import settle
from tests.service.conftest import RUN_TAGS, Made
from tests.service.contract import VERSION, database_error, now_ms
from tests.service.running import Client

# Tasks


def test_a_task_is_created_read_and_listed_with_the_tags_of_its_run(http: Client, made: Made) -> None:
    task = http.read(made.task)
    assert http.read(f"{made.step}/tasks") == [task]
    assert task.pop("ts_epoch") <= now_ms()
    assert task == {
        "flow_id": made.flow_id,
        "run_number": made.run_number,
        "step_name": "start",
        "task_id": made.task_id,
        "user_name": "ann",
        "last_heartbeat_ts": task["last_heartbeat_ts"],
        **RUN_TAGS,
    }


def test_a_named_task_of_a_named_run_shows_both_names(http: Client, flow: str) -> None:
    http.made(f"{flow}/run", {"run_number": "sfn-run"})
    step = f"{flow}/runs/sfn-run/steps/start"
    assert http.made(f"{step}/step")["run_number"] == "sfn-run"
    task = http.made(f"{step}/task", {"task_id": "t-one"})
    assert (task["run_number"], task["task_id"]) == ("sfn-run", "t-one")
    assert http.read(f"{step}/tasks/t-one") == task
    assert http.post(f"{step}/tasks/t-one/metadata", [{"field_name": "f"}]).json() == {"metadata_created": 1}
    assert http.post(f"{step}/tasks/t-one/artifact", [{"name": "x"}]).json() == {"artifacts_created": 1}
    for rows in (http.read(f"{step}/tasks/t-one/metadata"), http.read(f"{step}/tasks/t-one/artifacts")):
        assert [(row["run_number"], row["task_id"]) for row in rows] == [("sfn-run", "t-one")]
    again = http.post(f"{step}/task", {"task_id": "t-one"})
    assert again.status_code == 409
    assert database_error(again.text)["pgcode"] == "23505"
    assert http.read(f"{step}/filtered_tasks") == [f"{flow.removeprefix('/flows/')}/sfn-run/start/t-one"]


def test_a_numeric_name_for_a_task_is_400(http: Client, made: Made) -> None:
    answer = http.post(f"{made.step}/task", {"task_id": "7"})
    assert (answer.status_code, answer.json()) == (400, {"message": "provided task_name may not be a numeric"})


def test_a_task_without_its_step_is_404_with_the_database_error(http: Client, made: Made) -> None:
    answer = http.post(f"{made.run}/steps/none/task", {})
    assert answer.status_code == 404
    assert database_error(answer.text)["pgcode"] == "23503"


def test_a_task_that_is_not_there_is_404_and_those_of_an_unknown_step_an_empty_list(http: Client, made: Made) -> None:
    assert http.get(f"{made.step}/tasks/999999999").status_code == 404
    assert http.get(f"{made.run}/steps/other/tasks/{made.task_id}").status_code == 404
    assert http.read(f"{made.run}/steps/none/tasks") == []


def test_a_new_task_is_a_sign_of_life_of_its_run(http: Client, made: Made, table: psycopg.Connection) -> None:
    table.execute("UPDATE runs_v3 SET last_heartbeat_ts = 5 WHERE run_number = %s", (made.run_number,))
    http.made(f"{made.step}/task")
    assert abs(http.read(made.run)["last_heartbeat_ts"] - time.time()) < 5


def test_filtered_tasks_are_found_by_field_and_by_pattern(http: Client, made: Made) -> None:
    second = http.made(f"{made.step}/task")["task_id"]
    http.made(f"{made.step}/tasks/{second}/metadata", [{"field_name": "path", "value": "a:12,b:3"}])
    http.made(f"{made.task}/metadata", [{"field_name": "path", "value": "a:1"}, {"field_name": "path", "value": "a:1"}])
    prefix = f"{made.flow_id}/{made.run_number}/start/"
    both = [f"{prefix}{made.task_id}", f"{prefix}{second}"]
    ask = f"{made.step}/filtered_tasks"
    assert http.read(ask) == both
    assert http.read(f"{ask}?metadata_field_name=path") == both
    assert http.read(f"{ask}?metadata_field_name=path&pattern=b:3") == both[1:]
    assert http.read(f"{ask}?metadata_field_name=path&pattern=^a:1$") == both[:1]
    assert http.read(f"{ask}?metadata_field_name=other&pattern=a") == []
    assert http.read(f"{ask}?pattern=12") == both[1:]
    bad = http.get(f"{ask}?pattern=(")
    assert bad.status_code == 400
    assert "regular expression" in bad.json()


def test_places_in_foreachs_are_found_as_the_client_asks(http: Client, made: Made) -> None:
    """Exactly, and as a beginning; long and odd paths as any other."""
    long = ",".join(f"s{n}:1" for n in range(60))
    paths = ["a:1", "a:1,b:2", "a:1,b:21", "a:12", "a:1-", long, f"{long},z:1", "x" * 198, "x" * 198 + ",y:1"]
    tasks = {path: http.made(f"{made.step}/task")["task_id"] for path in paths}
    for path, task_id in tasks.items():
        rows = [{"field_name": "foreach-execution-path", "value": path}, {"field_name": "other", "value": "a:1"}]
        http.made(f"{made.step}/tasks/{task_id}/metadata", rows)

    def found(pattern: str) -> list[str]:
        parameters = {"metadata_field_name": "foreach-execution-path", "pattern": f"^(?:{pattern})$"}
        specs = http.get(f"{made.step}/filtered_tasks", params=parameters).json()
        ids = [int(spec.rpartition("/")[2]) for spec in specs]
        return [path for path, task_id in tasks.items() if task_id in ids]

    for path in paths:
        assert found(path) == [path]
    assert found("a:1,.*") == ["a:1,b:2", "a:1,b:21"]
    assert found(f"{long},.*") == [f"{long},z:1"]
    assert found("x" * 198 + ",.*") == ["x" * 198 + ",y:1"]
    assert found("a:1,b:2.") == ["a:1,b:21"]
    assert found("none:1") == found("a:12,.*") == []


# Heartbeats


@pytest.mark.parametrize("body", [b"{}", b"", b"nonsense"])
def test_a_heartbeat_on_what_exists_is_always_200_and_encoded_twice(http: Client, made: Made, body: bytes) -> None:
    for path in (made.run, made.task):
        for _ in range(2):
            answer = http("POST", f"{path}/heartbeat", data=body)
            assert answer.status_code == 200
            assert json.loads(answer.json()) == {"wait_time_in_seconds": 10}


def test_a_heartbeat_on_what_is_not_there_is_404_with_the_same_body(http: Client, made: Made) -> None:
    for path in (f"{made.flow}/runs/999999999", f"{made.step}/tasks/999999999"):
        answer = http.post(f"{path}/heartbeat", {})
        assert answer.status_code == 404
        assert json.loads(answer.json()) == {"wait_time_in_seconds": 10}


def test_a_heartbeat_refreshes_a_row_that_is_ten_seconds_old_and_leaves_a_younger_one(
    http: Client, made: Made, table: psycopg.Connection
) -> None:
    now = int(time.time())
    for age, refreshed in ((4, False), (60, True)):
        table.execute("UPDATE tasks_v3 SET last_heartbeat_ts = %s WHERE task_id = %s", (now - age, made.task_id))
        table.execute("UPDATE runs_v3 SET last_heartbeat_ts = %s WHERE run_number = %s", (now - age, made.run_number))
        http.made(f"{made.task}/heartbeat")
        for path in (made.task, made.run):
            assert (http.read(path)["last_heartbeat_ts"] > now - age) is refreshed


# Metadata


def test_metadata_is_appended_and_listed_newest_first_with_its_own_tags(http: Client, made: Made) -> None:
    for value in ("one", "two"):
        answer = http.post(
            f"{made.task}/metadata",
            [{"field_name": "f", "value": value, "type": "t", "user_name": "ann", "tags": ["attempt_id:0"]}],
        )
        assert (answer.status_code, answer.json()) == (200, {"metadata_created": 1})
        assert VERSION not in answer.headers
    rows = http.read(f"{made.task}/metadata")
    assert [row["value"] for row in rows] == ["two", "one"]
    first = rows[0]
    assert isinstance(first.pop("id"), int)
    assert first.pop("ts_epoch") <= now_ms()
    assert first == {
        "flow_id": made.flow_id,
        "run_number": made.run_number,
        "step_name": "start",
        "task_id": made.task_id,
        "field_name": "f",
        "value": "two",
        "type": "t",
        "user_name": "ann",
        "tags": ["attempt_id:0"],
        "system_tags": None,
    }
    assert [row["value"] for row in http.read(f"{made.run}/metadata")] == ["two", "one"]


def test_what_a_metadata_row_was_not_given_is_one_space(http: Client, made: Made) -> None:
    http.made(f"{made.task}/metadata", [{}])
    row = http.read(f"{made.task}/metadata")[0]
    assert {row[name] for name in ("field_name", "value", "type", "user_name")} == {" "}


@pytest.mark.parametrize(
    ("sent", "stored"), [(0, "0"), (True, "true"), (1.5, "1.5"), (["items=3"], "{items=3}"), ([], "{}"), ("é\n", "é\n")]
)
def test_metadata_values_are_stored_as_text(http: Client, made: Made, sent: object, stored: str) -> None:
    http.made(f"{made.task}/metadata", [{"field_name": "f", "value": sent}])
    assert http.read(f"{made.task}/metadata")[0]["value"] == stored


@pytest.mark.parametrize(
    ("kind", "key"),
    [("metadata", "field_name"), ("metadata", "user_name"), ("artifact", "name"), ("artifact", "user_name")],
)
def test_a_row_that_no_column_can_hold_is_refused_and_never_left_out_silently(
    http: Client, made: Made, kind: str, key: str
) -> None:
    label = "field_name" if kind == "metadata" else "name"
    answer = http.post(f"{made.task}/{kind}", [{label: "kept"}, {label: "other", key: "ü" * 256}])
    assert (answer.status_code, answer.json()) == (400, f"{key} of item 1 is longer than 255 characters")
    assert http.read(f"{made.task}/{kind}{'s' if kind == 'artifact' else ''}") == []
    fits = {label: "other", key: "ü" * 255}
    assert http.made(f"{made.task}/{kind}", [{label: "kept"}, fits]).popitem()[1] == 2


@pytest.mark.parametrize("length", [256, 1024, 4096])
def test_what_is_no_key_may_be_of_any_length(http: Client, made: Made, length: int) -> None:
    sent: dict[str, Any] = {
        "location": f":root:/{'x' * length}/.metaflow",
        "type": f"<class '{'y' * length}'>",
        "content_type": "z" * length,
    }
    assert http.made(f"{made.task}/artifact", [artifact("long", **sent)]) == {"artifacts_created": 1}
    row = http.read(f"{made.task}/artifacts/long")
    assert {key: row[key] for key in sent} == sent
    assert http.made(f"{made.task}/metadata", [{"field_name": "f", "type": "t" * length}]) == {"metadata_created": 1}
    assert http.read(f"{made.task}/metadata")[0]["type"] == "t" * length


@pytest.mark.parametrize("kind", ["metadata", "artifact"])
def test_rows_of_an_unknown_run_or_task_are_400(http: Client, made: Made, kind: str) -> None:
    for path in (f"{made.flow}/runs/999999999/steps/start/tasks/1", f"{made.step}/tasks/999999999"):
        answer = http.post(f"{path}/{kind}", [{}])
        assert answer.status_code == 400
        assert answer.json() == {"message": "need to register run_id and task_id first"}


# Artifacts


def artifact(name: str, attempt: int = 0, **more: object) -> dict[str, object]:
    return {"name": name, "location": "l", "ds_type": "local", "sha": "s", "attempt_id": attempt, **more}


def test_an_artifact_is_registered_once_and_shows_the_tags_of_its_run(http: Client, made: Made) -> None:
    sent = artifact("x", type="t", content_type="c", user_name="ann", tags=["own"])
    answer = http.post(f"{made.task}/artifact", [sent, artifact("y")])
    assert (answer.status_code, answer.json()) == (200, {"artifacts_created": 2})
    assert VERSION not in answer.headers
    again = [artifact("x", sha="changed"), artifact("z"), artifact("z")]
    assert http.made(f"{made.task}/artifact", again) == {"artifacts_created": 1}
    row = http.read(f"{made.task}/artifacts/x")
    assert row.pop("ts_epoch") <= now_ms()
    del sent["tags"]
    assert row == {
        "flow_id": made.flow_id,
        "run_number": made.run_number,
        "step_name": "start",
        "task_id": made.task_id,
        **sent,
        **RUN_TAGS,
    }


def test_what_was_stored_before_the_datastore_moved_is_told_where_it_is_now(
    http: Client, made: Made, table: psycopg.Connection, tmp_path: Path
) -> None:
    """Of local datastores that were ours only, and of the places only: nothing else that happens to read the same."""
    former, other, now = tmp_path / "former", tmp_path / "other", tmp_path / "now"
    rows = [
        artifact("a", location=f":root:{former}/.metaflow"),
        artifact("b", location=f":root:{other}/.metaflow"),
        artifact("c", location=f":root:{former}/.metaflow", ds_type="s3"),
    ]
    http.made(f"{made.task}/artifact", rows)
    fields = ("ds-root", "ds-type")
    http.made(f"{made.task}/metadata", [{"field_name": one, "value": f"{former}/.metaflow"} for one in fields])
    settle(table, former)
    settle(table, now)
    found = {row["name"]: row["location"] for row in http.read(f"{made.task}/artifacts")}
    assert found == {"a": f":root:{now}/.metaflow", "b": rows[1]["location"], "c": rows[2]["location"]}
    told = {row["field_name"]: row["value"] for row in http.read(f"{made.task}/metadata")}
    assert told == {"ds-root": f"{now}/.metaflow", "ds-type": f"{former}/.metaflow"}


def test_what_an_artifact_was_not_given_is_one_space_and_attempt_0(http: Client, made: Made) -> None:
    http.made(f"{made.task}/artifact", [{"name": "x"}])
    row = http.read(f"{made.task}/artifacts/x")
    assert row["attempt_id"] == 0
    assert {row[key] for key in ("location", "ds_type", "sha", "type", "content_type", "user_name")} == {" "}


def test_lists_hold_the_newest_attempt_of_each_task(http: Client, made: Made) -> None:
    second = f"{made.step}/tasks/{http.made(f'{made.step}/task')['task_id']}"
    http.made(f"{made.task}/artifact", [artifact("old"), artifact("name")])
    http.made(f"{made.task}/artifact", [artifact("new", 1), artifact("name", 1)])
    http.made(f"{second}/artifact", [artifact("only"), artifact("name")])
    names = {
        where: sorted((row["name"], row["attempt_id"]) for row in http.read(f"{where}/artifacts"))
        for where in (made.task, made.step, made.run)
    }
    assert names[made.task] == [("name", 1), ("new", 1)]
    assert names[made.step] == names[made.run] == [("name", 0), ("name", 1), ("new", 1), ("only", 0)]
    assert http.read(f"{made.run}/steps/none/artifacts") == []
    assert http.read(f"{made.flow}/runs/999999999/artifacts") == []


def test_artifacts_of_one_attempt(http: Client, made: Made) -> None:
    http.made(f"{made.task}/artifact", [artifact("a"), artifact("b", 1)])
    answer = http.get(f"{made.task}/attempt/0/artifacts")
    assert [row["name"] for row in answer.json()] == ["a"]
    assert VERSION not in answer.headers
    assert http.read(f"{made.task}/attempt/7/artifacts") == []
    assert http.read(f"{made.task}/attempt/{'9' * 30}/artifacts") == []
    assert http.read(f"{made.task}/artifacts/b/attempt/1")["name"] == "b"
    for path in ("a/attempt/1", f"a/attempt/{'9' * 30}"):
        missing = http.get(f"{made.task}/artifacts/{path}")
        assert (missing.status_code, missing.text) == (404, "{}")
    assert http.get(f"{made.task}/attempt/x/artifacts").status_code == 400


def test_one_artifact_is_read_from_the_newest_attempt_that_stored_the_artifact_called_name(
    http: Client, made: Made
) -> None:
    http.made(f"{made.task}/artifact", [artifact("x"), artifact("name"), artifact("gone")])
    http.made(f"{made.task}/artifact", [artifact("x", 1), artifact("name", 1)])
    http.made(f"{made.task}/artifact", [artifact("x", 2)])
    assert http.read(f"{made.task}/artifacts/x")["attempt_id"] == 1
    for name in ("gone", "never"):
        missing = http.get(f"{made.task}/artifacts/{name}")
        assert (missing.status_code, missing.text) == (404, "{}")


# Tags


def test_tags_are_added_and_removed_and_show_on_everything_of_the_run(http: Client, made: Made) -> None:
    answer = http("PATCH", f"{made.run}/tag/mutate", {"tags_to_add": ["a", "user:ann"], "tags_to_remove": ["mine"]})
    assert (answer.status_code, answer.json()) == (200, {"tags": ["a"]})
    for path in (made.run, made.step, made.task):
        assert http.read(path)["tags"] == ["a"]
    assert http("PATCH", f"{made.run}/tag/mutate", {}).json() == {"tags": ["a"]}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"tags_to_add": "a"}, "tags_to_add must be a list"),
        ({"tags_to_remove": {}}, "tags_to_remove must be a list"),
        ({"tags_to_add": ["a", 1]}, "All tag values must be strings"),
    ],
)
def test_tags_that_are_no_tags_are_400(http: Client, made: Made, body: object, sentence: str) -> None:
    answer = http("PATCH", f"{made.run}/tag/mutate", body)
    assert (answer.status_code, answer.json()) == (400, sentence)


def test_a_system_tag_cannot_be_removed_and_an_unknown_run_not_tagged(http: Client, made: Made) -> None:
    answer = http("PATCH", f"{made.run}/tag/mutate", {"tags_to_add": ["b"], "tags_to_remove": ["user:ann"]})
    assert answer.status_code == 422
    assert answer.json() == "Cannot remove tags that are existing system tags {'user:ann'}"
    assert http.read(made.run)["tags"] == ["mine"]
    missing = http("PATCH", f"{made.flow}/runs/999999999/tag/mutate", {"tags_to_add": []})
    assert (missing.status_code, missing.text) == (404, "{}")
