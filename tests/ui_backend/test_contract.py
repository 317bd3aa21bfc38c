"""Every endpoint of the wire contract answers in its shape, on rows made by the real client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ui_backend.running import RunningUI
from tests.ui_backend.world import Runs

RUN_KEYS = {
    "flow_id", "run_number", "run_id", "user_name", "user", "run", "status", "ts_epoch", "finished_at", "duration",
    "last_heartbeat_ts", "tags", "system_tags",
}  # fmt: skip
STEP_KEYS = {
    "flow_id", "run_number", "run_id", "step_name", "user_name", "ts_epoch", "duration", "tags", "system_tags",
}  # fmt: skip
TASK_KEYS = {
    "flow_id", "run_number", "run_id", "step_name", "task_id", "task_name", "user_name", "status", "task_ok",
    "ts_epoch", "started_at", "finished_at", "duration", "attempt_id", "tags", "system_tags", "last_heartbeat_ts",
}  # fmt: skip
METADATA_KEYS = {
    "id", "flow_id", "run_number", "run_id", "step_name", "task_id", "task_name", "field_name", "value", "type",
    "user_name", "ts_epoch", "tags", "system_tags", "attempt_id",
}  # fmt: skip
ARTIFACT_KEYS = {
    "flow_id", "run_number", "run_id", "step_name", "task_id", "task_name", "name", "location", "ds_type", "sha",
    "type", "content_type", "user_name", "attempt_id", "ts_epoch", "tags", "system_tags",
}  # fmt: skip


@pytest.fixture(scope="module")
def hello(ui: RunningUI, runs: Runs) -> str:
    """The path of a run."""
    return f"/flows/Hello/runs/{runs.hello}"


@pytest.fixture(scope="module")
def task(ui: RunningUI, hello: str) -> str:
    """The path of its task ``start``."""
    row = next(row for row in ui.data(f"{hello}/tasks") if row["step_name"] == "start")
    return f"{hello}/steps/start/tasks/{row['task_id']}"


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/flows", {"flow_id", "user_name", "ts_epoch", "tags", "system_tags"}),
        ("/runs", RUN_KEYS),
        ("/flows/Hello/runs", RUN_KEYS),
        ("{hello}/steps", STEP_KEYS),
        ("{hello}/tasks", TASK_KEYS),
        ("{hello}/steps/start/tasks", TASK_KEYS),
        ("{task}/attempts", TASK_KEYS),
        ("{hello}/metadata", METADATA_KEYS),
        ("{task}/metadata", METADATA_KEYS),
        ("{hello}/artifacts", ARTIFACT_KEYS),
        ("{hello}/steps/start/artifacts", ARTIFACT_KEYS),
        ("{task}/artifacts", ARTIFACT_KEYS),
    ],
)
def test_a_list_has_its_envelope_and_rows_their_keys(
    ui: RunningUI, hello: str, task: str, path: str, keys: set[str]
) -> None:
    path = path.format(hello=hello, task=task)
    answer = ui.get(f"{path}?_limit=1&x=1&x=2")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Content-Type"].startswith("application/json")
    document = answer.json()
    assert set(document) == {"data", "status", "links", "pages", "query"}
    assert document["query"] == {"_limit": "1", "x": "1"}
    assert len(document["data"]) == 1
    assert set(document["data"][0]) == keys
    assert set(document["pages"]) == set(document["links"]) == {"self", "first", "prev", "next", "last"}
    assert document["pages"] == {"self": 1, "first": 1, "prev": 1, "next": 2, "last": None}
    assert document["links"]["next"] == f"{ui.url}{path}?_limit=1&x=1&_page=2"


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/flows/Hello", {"flow_id", "user_name", "ts_epoch", "tags", "system_tags"}),
        ("{hello}", RUN_KEYS),
        ("{hello}/steps/start", STEP_KEYS),
        ("{task}", TASK_KEYS),
    ],
)
def test_a_single_row_has_its_envelope(ui: RunningUI, hello: str, task: str, path: str, keys: set[str]) -> None:
    path = path.format(hello=hello, task=task)
    document = ui.read(path)
    assert set(document) == {"data", "status", "links", "query"}
    assert set(document["data"]) == keys
    assert document["links"] == {"self": ui.url + path}


@pytest.mark.parametrize(
    "path", ["/flows/Nope", "/flows/Hello/runs/99999", "/flows/Hello/runs/a-name", "{hello}/steps/no", "{hello}/dag/"]
)
def test_what_is_not_there_is_404(ui: RunningUI, hello: str, path: str) -> None:
    answer = ui.get(path.format(hello=hello))
    assert answer.status_code == 404
    if not path.endswith("/"):
        assert answer.json()["data"] == {}


@pytest.mark.parametrize("path", ["/dag", "/parameters"])
def test_a_run_without_a_graph_says_so(ui: RunningUI, path: str) -> None:
    answer = ui.get(f"/flows/Hello/runs/99999{path}")
    assert answer.json()["data"] == {}
    assert answer.status_code == (404 if path == "/dag" else 200)


@pytest.mark.parametrize("path", ["/ping", "/flows", "/flows/Hello/runs"])
def test_only_get_is_served(ui: RunningUI, path: str) -> None:
    import requests

    assert requests.post(ui.url + path, json={}, timeout=60).status_code == 405


def test_ids_are_given_in_both_forms(ui: RunningUI, hello: str, runs: Runs) -> None:
    row = ui.data(hello)
    assert (row["run_number"], row["run_id"], row["run"]) == (int(runs.hello), None, runs.hello)
    assert row["user"] == row["user_name"] == "ann"
    assert all(isinstance(one["task_id"], int) and one["task_name"] is None for one in ui.data(f"{hello}/tasks"))


def test_pages_neither_repeat_nor_miss_a_row(ui: RunningUI, runs: Runs) -> None:
    path = f"/flows/Fan/runs/{runs.fan}/tasks?_order=%2Bts_epoch&_limit=3&postprocess=false"
    everything = ui.data(f"/flows/Fan/runs/{runs.fan}/tasks?_order=%2Bts_epoch&_limit=1000")
    seen: list[Any] = []
    page: int | None = 1
    while page:
        document = ui.read(f"{path}&_page={page}")
        seen += document["data"]
        page = document["pages"]["next"]
    assert seen == everything
    assert len(everything) == runs.width + 4


@pytest.mark.parametrize("column", ["ts_epoch", "run", "user", "finished_at", "duration", "status", "flow_id"])
def test_runs_are_ordered_by_any_column(ui: RunningUI, runs: Runs, column: str) -> None:
    up = [row[column] for row in ui.data(f"/runs?_order=%2B{column}&_limit=100") if row[column] is not None]
    down = [row[column] for row in ui.data(f"/runs?_order={column}&_limit=100") if row[column] is not None]
    assert up == sorted(up)
    assert down == up[::-1]
    assert len(ui.data(f"/runs?_order=-{column}&_limit=100")) == 6


def test_groups_are_paged_and_each_gives_its_first_rows(ui: RunningUI, runs: Runs) -> None:
    def groups(query: str, column: str) -> list[Any]:
        return [row[column] for row in ui.data(f"/runs?{query}")]

    assert groups("_group=flow_id&_group_limit=1&_order=-ts_epoch", "flow_id") == ["Fan", "Hello", "Sleeper", "Stumble"]
    assert groups("_group=flow_id&_group_limit=1&_limit=2&_page=2", "flow_id") == ["Sleeper", "Stumble"]
    assert groups("_group=user&_group_limit=7&_limit=1", "user") == ["ann"] * 3
    assert groups("_group=flow_id&_group_limit=7&status=completed&_tags=user:bob", "run") == [runs.astray, runs.resumed]
    tasks = ui.data(f"/flows/Fan/runs/{runs.fan}/tasks?_group=step_name&_group_limit=2&_order=%2Btask_id&_limit=10")
    assert [row["step_name"] for row in tasks] == ["_parameters", "end", "join", "start", "work", "work"]
    slowest = ui.data(f"/flows/Fan/runs/{runs.fan}/tasks?_group=step_name&_group_limit=1&_order=duration&_limit=10")
    work = ui.data(f"/flows/Fan/runs/{runs.fan}/steps/work/tasks?_order=duration&_limit=1")
    assert [row for row in slowest if row["step_name"] == "work"] == work


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("flow_id=Hello", 2),
        ("flow_id:eq=Hello,Fan", 3),
        ("flow_id:ne=Hello", 4),
        ("flow_id:co=EL", 2),
        ("flow_id:sw=st&flow_id:ew=BLE", 2),
        ("flow_id:li=%25um%25", 2),
        ("run_id:is=null", 6),
        ("run_id:ne=null", 0),
        ("ts_epoch:gt=1&ts_epoch:le=99999999999999", 6),
        ("run_number:lt=1", 0),
        ("nonsense=1&flow_id:nonsense=1&_tags:nonsense=x", 6),
        ("status=completed,failed&flow_id=Hello", 2),
        ("status=running&flow_id=Hello", 0),
        ("status:ne=running&flow_id=Hello", 2),
        ("_tags:all=user:ann,project:greetings", 1),
        ("user:co=B", 3),
    ],
)
def test_filters(ui: RunningUI, runs: Runs, query: str, count: int) -> None:
    assert len(ui.data(f"/runs?_limit=100&{query}")) == count


@pytest.mark.parametrize("query", ["ts_epoch=abc", "run_number:gt=1e9", "flow_id=%00", "ts_epoch=99999999999999999999"])
def test_a_value_that_cannot_be_compared_is_told_in_the_envelope(ui: RunningUI, query: str) -> None:
    answer = ui.get(f"/runs?{query}")
    assert answer.status_code == answer.json()["status"] == 500
    assert "err_msg" in json.loads(answer.json()["data"])


def test_metadata_knows_its_attempt(ui: RunningUI, runs: Runs) -> None:
    path = f"/flows/Stumble/runs/{runs.stumble}/metadata?step_name=start&_limit=1000"
    assert {row["attempt_id"] for row in ui.data(f"{path}&attempt_id=1")} == {1}
    assert ui.data(f"{path}&attempt_id:is=null") == []
    assert ui.data(f"/flows/Stumble/runs/{runs.stumble}/metadata?attempt_id:is=null&_limit=9")  # the graph's


def test_the_local_datastore_shows_itself(ui: RunningUI, hello: str) -> None:
    assert len(ui.data(f"{hello}/artifacts?ds_type=local&_limit=1")) == 1
    assert ui.data(f"{hello}/artifacts?ds_type=s3&_limit=1") == []


@pytest.mark.parametrize("stream", ["out", "err"])
def test_logs_are_paged_from_either_end(ui: RunningUI, runs: Runs, stream: str) -> None:
    row = next(row for row in ui.data(f"/flows/Stumble/runs/{runs.stumble}/tasks") if row["step_name"] == "bridge")
    task = f"/flows/Stumble/runs/{runs.stumble}/steps/bridge/tasks/{row['task_id']}/logs/{stream}"
    document = ui.read(f"{task}?attempt_id=0&_limit=3&_page=1&_order=-row")
    everything = ui.data(task)
    assert document["pages"]["last"] == max(1, -(-len(everything) // 3))
    assert document["data"] == everything[::-1][:3]
    assert ui.data(f"{task}?_limit=3&_page=2") == everything[3:6]
    if stream == "err":
        assert "RuntimeError: the bridge is broken" in {line["line"] for line in everything}
        assert [line["row"] for line in everything] == list(range(len(everything)))
    download = ui.get(f"{task}/download")
    name = f"std{stream}_Stumble_{runs.stumble}_bridge_{row['task_id']}-0.txt"
    assert download.headers["Content-Disposition"] == f"Attachment;filename={name}"
    assert download.headers["Content-Type"] == "application/octet-stream"
    assert download.text.splitlines() == [line["line"] for line in everything]  # the last may have no end


def test_logs_of_an_unknown_task_are_404(ui: RunningUI, hello: str) -> None:
    answer = ui.get(f"{hello}/steps/start/tasks/999999/logs/out")
    assert (answer.status_code, answer.json()) == (404, {"data": []})


@pytest.mark.parametrize("path", ["logs/out", "logs/err", "logs/out/download"])
@pytest.mark.parametrize(("attempt", "status"), [(0, 200), (1, 404), (7, 404), (99999, 404)])
def test_logs_of_an_attempt_that_there_is_not_are_404(
    ui: RunningUI, hello: str, path: str, attempt: int, status: int
) -> None:
    task = ui.data(f"{hello}/steps/end/tasks")[0]["task_id"]
    answer = ui.get(f"{hello}/steps/end/tasks/{task}/{path}?attempt_id={attempt}")
    assert answer.status_code == status
    assert status == 200 or answer.json() == {"data": []}


def test_a_card_that_there_is_not_is_told_from_a_task_that_there_is_not(ui: RunningUI, hello: str) -> None:
    task = ui.data(f"{hello}/steps/end/tasks")[0]["task_id"]
    for number, text in ((task, "Card not found for task"), (999999, "Task not found")):
        answer = ui.get(f"{hello}/steps/end/tasks/{number}/cards/abc")
        assert (answer.status_code, answer.text) == (404, text)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/flows/autocomplete?_limit=5&flow_id:co=Hel", ["Hello"]),
        ("/flows/autocomplete?_limit=5&flow_id:co=", ["Fan", "Hello", "Sleeper", "Stumble"]),
        ("{hello}/steps/autocomplete?step_name:co=start", ["start"]),
        ("{hello}/artifacts/autocomplete?name:co=mal", ["small"]),
    ],
)
def test_autocomplete(ui: RunningUI, hello: str, path: str, expected: list[str]) -> None:
    document = ui.read(path.format(hello=hello))
    assert document["data"] == expected
    assert set(document) == {"data", "status", "links", "pages", "query"}


def test_autocomplete_of_runs_and_a_broken_pattern_of_tags(ui: RunningUI, runs: Runs) -> None:
    assert ui.data(f"/flows/Fan/runs/autocomplete?run:eq={runs.fan}") == [runs.fan]
    assert ui.get("/tags/autocomplete?tag:re=*[").status_code == 500


def test_the_small_answers(ui: RunningUI, runs: Runs) -> None:
    assert ui.get("/ping").text == "pong"
    assert ui.get("/version").text.startswith("2.6.1-")
    assert ui.read("/features") == {"FEATURE_ARTIFACT_TABLE": True, "FEATURE_ARTIFACT_SEARCH": False}
    assert ui.read("/config") == {}
    assert ui.read("/plugin") == []
    assert ui.get("/plugin/x").json() == ui.get("/plugin/x/y.js").json() == "Plugin not found"
    assert ui.get("/plugin/x").status_code == 404
    assert [link["label"] for link in ui.read("/links")] == ["Documentation", "Help"]
    assert ui.read("/notifications") == []
    assert "kind:greeting" in ui.read("/tags")
    assert ui.read("/status")["status"] == "UP"


def test_the_metadata_service_is_mirrored_for_reading(ui: RunningUI, hello: str, runs: Runs) -> None:
    import requests

    assert ui.get("/metadata/ping").text == "pong"
    assert ui.get("/metadata/ping").headers["METADATA_SERVICE_VERSION"]
    assert ui.read(f"/metadata{hello}")["run_number"] == int(runs.hello)
    assert len(ui.read("/metadata/flows/Hello/runs?_limit=1")) == 1
    assert ui.get("/metadata/flows/Nope").status_code == 404
    assert requests.post(f"{ui.url}/metadata/flows/New", json={}, timeout=60).status_code == 405
    assert ui.get("/flows/New").status_code == 404


def test_links_lead_to_where_the_proxy_is(ui: RunningUI) -> None:
    headers = {"X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "ui.example, inner"}
    links = ui.get("/runs?flow_id:co=a,b", headers=headers).json()["links"]
    assert links["self"] == "https://ui.example/runs?flow_id:co=a,b"


def test_benchmark_adds_the_plan(ui: RunningUI) -> None:
    assert "Execution Time" in ui.read("/runs?benchmark=true")["benchmark_result"]


def test_every_request_leaves_a_line_with_its_milliseconds(ui: RunningUI) -> None:
    from tests.service.running import await_condition

    ui.get("/runs?marker=17")
    line = await_condition(
        lambda: next((one for one in ui.access_log() if "marker=17" in one), None), 5, "the line is written"
    )
    assert line.split()[2:5] == ["GET", "/runs?marker=17", "200"]
    assert line.endswith(" ms")


@pytest.mark.parametrize("path", ["/ping", "/runs", "/flows/Nothing", "/no/such/path", "/runs?_group=nothing"])
def test_no_answer_is_kept_or_taken_for_another_kind(ui: RunningUI, path: str) -> None:
    headers = ui.get(path).headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
