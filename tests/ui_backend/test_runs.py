"""What the UI is shown of real runs is what happened, as the Client API tells it."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from tests.service.running import await_condition
from tests.ui_backend.running import RunningUI
from tests.ui_backend.world import FLOWS, Runs, World


def test_the_status_of_every_run_is_what_became_of_it(ui: RunningUI, runs: Runs) -> None:
    def status(flow: str, run: str) -> str:
        return str(ui.data(f"/flows/{flow}/runs/{run}")["status"])

    assert status("Hello", runs.hello) == "completed"
    assert status("Hello", runs.astray) == "completed"
    assert status("Fan", runs.fan) == "completed"
    assert status("Stumble", runs.resumed) == "completed"
    await_condition(lambda: status("Stumble", runs.stumble) == "failed", 60, "the failed run is shown so")


def test_a_killed_run_fails_as_soon_as_its_task_is_known_to_be_dead(
    ui_environment: dict[str, str], runs: Runs, tmp_path: Path
) -> None:
    patient = {**ui_environment, "HEARTBEAT_THRESHOLD": "3600"}
    hasty = {**ui_environment, "HEARTBEAT_THRESHOLD": "2"}
    first, second = RunningUI(tmp_path / "patient", patient), RunningUI(tmp_path / "hasty", hasty)
    try:
        path = f"/flows/Sleeper/runs/{runs.sleeper}"
        assert first.data(path)["status"] == "running"
        found = await_condition(
            lambda: (run := second.data(path))["status"] == "failed" and run, 10, "the killed run is failed"
        )
        task = next(one for one in second.data(f"{path}/tasks") if one["step_name"] == "start")
        assert task["status"] == "failed"
        assert found["finished_at"] >= max(found["last_heartbeat_ts"] * 1000, task["finished_at"])
        assert found["duration"] == found["finished_at"] - found["ts_epoch"] > 0
        assert task["finished_at"] >= task["started_at"]
    finally:
        first.stop()
        second.stop()


def test_values_parameters_and_outcomes_agree_with_the_client(ui: RunningUI, runs: Runs, world: World) -> None:
    said = world.ask(f"""
run = Run('Hello/{runs.hello}')
task = next(iter(run['start']))
answer = {{'word': task['word'].data, 'small': str(task['small'].data), 'number': task['number'].data,
    'out': task.stdout, 'err': task.stderr, 'id': task.id, 'tags': sorted(run.user_tags), 'ok': run.successful,
    'total': Run('Fan/{runs.fan}').data.total, 'width': len(list(Run('Fan/{runs.fan}')['work']))}}
""")
    task = f"/flows/Hello/runs/{runs.hello}/steps/start/tasks/{said['id']}"
    values = {row["name"]: row for row in ui.data(f"{task}/artifacts?postprocess=true&_limit=100")}
    assert values["word"]["content"] == said["word"] == "hallo"
    assert values["small"]["content"] == said["small"]
    assert values["number"]["content"] == str(said["number"])
    assert values["big"]["postprocess_error"]["id"] == "artifact-too-large"
    assert "__main__.Own, which is not loaded here" in values["own"]["postprocess_error"]["detail"]
    assert "content" not in values["own"]
    assert "".join(f"{row['line']}\n" for row in ui.data(f"{task}/logs/out")) == said["out"]
    assert "".join(f"{row['line']}\n" for row in ui.data(f"{task}/logs/err")) == said["err"]
    assert ui.get(f"{task}/logs/out/download").text == said["out"]
    assert sorted(ui.data(f"/flows/Hello/runs/{runs.hello}")["tags"]) == said["tags"] == ["kind:greeting"]
    assert said["ok"]
    total = ui.data(f"/flows/Fan/runs/{runs.fan}/steps/join/tasks?_limit=1")[0]
    row = ui.data(f"/flows/Fan/runs/{runs.fan}/artifacts?name=total&postprocess=true&task_id={total['task_id']}")
    assert row[0]["content"] == str(said["total"])
    assert said["width"] == runs.width


def test_parameters_are_values_and_not_internals(ui: RunningUI, runs: Runs) -> None:
    found = ui.data(f"/flows/Hello/runs/{runs.hello}/parameters")
    assert found["word"] == {"value": "hallo"}
    assert found["number"] == {"value": 3}
    assert set(found) == {"word", "number", "text"}
    assert found["text"] == {"value": (FLOWS / "hello.py").read_text()}  # an included file
    assert ui.data(f"/flows/Fan/runs/{runs.fan}/parameters") == {"width": {"value": runs.width}}


def test_the_graph_is_the_flows(ui: RunningUI, runs: Runs) -> None:
    graph = ui.data(f"/flows/Fan/runs/{runs.fan}/dag")
    assert graph["file"] == "fan.py"
    assert graph["graph_structure"] == ["start", [["work"]], "join", "end"]
    assert {name: step["next"] for name, step in graph["steps"].items()} == {
        "start": ["work"], "work": ["join"], "join": ["end"], "end": []
    }  # fmt: skip


def test_logs_are_still_there_after_being_viewed_twice(ui: RunningUI, runs: Runs, world: World) -> None:
    task = next(row for row in ui.data(f"/flows/Hello/runs/{runs.hello}/tasks") if row["step_name"] == "start")
    folder = world.sysroot / ".metaflow" / "Hello" / runs.hello / "start" / str(task["task_id"])

    def digests() -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.log")}

    before = digests()
    assert before
    path = f"/flows/Hello/runs/{runs.hello}/steps/start/tasks/{task['task_id']}/logs/out"
    first = ui.data(path)
    assert ui.data(path) == first
    ui.get(f"{path}/download")
    assert digests() == before
    assert [row["line"] for row in first] == ["said hallo"]
    assert abs(first[0]["timestamp"] - time.time() * 1000) < 600_000


@pytest.mark.parametrize("which", ["hello", "astray"])
def test_cards_are_found_wherever_the_client_put_them(ui: RunningUI, runs: Runs, world: World, which: str) -> None:
    run = getattr(runs, which)
    task = next(row for row in ui.data(f"/flows/Hello/runs/{run}/tasks") if row["step_name"] == "start")
    path = f"/flows/Hello/runs/{run}/steps/start/tasks/{task['task_id']}/cards"
    cards = {card["id"]: card for card in ui.data(f"{path}?invalidate=true")}
    assert {name: card["type"] for name, card in cards.items()} == {"first": "default", "second": "blank"}
    page = ui.get(f"{path}/{cards['first']['hash']}?embed=true&invalidate=true")
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Content-Security-Policy"].startswith("sandbox allow-scripts ")
    live = ui.read(f"{path}/{cards['first']['hash']}/data")
    assert (live["id"], live["type"]) == ("first", "default")
    assert "the first card" in str(live["data"])
    if which == "hello":
        pages = world.ask(f"""
from metaflow.cards import get_cards
answer = [card.get() for card in get_cards('Hello/{run}/start/{task["task_id"]}')]
""")
        assert page.text in pages
    assert ui.get(f"{path}/{'0' * 32}").status_code == 404
    missing = ui.get(f"{path}/{'0' * 32}/data")
    assert (missing.status_code, missing.json()) == (404, {"error": "Card data not found for task"})
    assert ui.get(f"/flows/Hello/runs/{run}/steps/start/tasks/999999/cards").status_code == 404


def test_attempts_are_rows_with_their_own_outcome_and_timeline(ui: RunningUI, runs: Runs) -> None:
    tasks = ui.data(f"/flows/Stumble/runs/{runs.stumble}/tasks?_order=%2Bts_epoch&_limit=1000&postprocess=false")
    outcomes = {(row["step_name"], row["attempt_id"]): row["status"] for row in tasks}
    assert outcomes == {
        ("_parameters", 0): "completed",
        ("start", 0): "failed",
        ("start", 1): "completed",
        ("hopeless", 0): "completed",
        ("bridge", 0): "failed",
    }
    for row in tasks:
        assert row["duration"] >= 0
        assert row["finished_at"] >= (row["started_at"] or row["ts_epoch"])
    start = [row for row in tasks if row["step_name"] == "start"]
    assert start[0]["finished_at"] <= start[1]["started_at"]
    attempts = ui.data(
        f"/flows/Stumble/runs/{runs.stumble}/steps/start/tasks/{start[0]['task_id']}/attempts?postprocess=true"
    )
    assert [row["attempt_id"] for row in attempts] == [1, 0]
    newest = ui.data(f"/flows/Stumble/runs/{runs.stumble}/steps/start/tasks/{start[0]['task_id']}")
    assert newest["attempt_id"] == 1


def test_a_foreach_task_is_labelled_with_its_place(ui: RunningUI, runs: Runs) -> None:
    rows = ui.data(f"/flows/Fan/runs/{runs.fan}/steps/work/tasks?_limit=100&postprocess=true")
    assert len(rows) == runs.width
    labels = {row["foreach_label"] for row in rows}
    assert {label.partition("[")[2] for label in labels} == {f"{place}]" for place in range(runs.width)}
    assert all(row["foreach_label"].startswith(f"{row['task_id']}[") for row in rows)


def test_steps_last_as_long_as_their_tasks(ui: RunningUI, runs: Runs) -> None:
    steps = ui.data(f"/flows/Fan/runs/{runs.fan}/steps?_order=%2Bts_epoch&_limit=1000")
    assert [row["step_name"] for row in steps] == ["_parameters", "start", "work", "join", "end"]
    tasks = ui.data(f"/flows/Fan/runs/{runs.fan}/tasks?_limit=1000")
    for row in steps[1:]:
        assert row["run_id"] == runs.fan
        ends = [task["finished_at"] for task in tasks if task["step_name"] == row["step_name"]]
        assert row["ts_epoch"] + row["duration"] == max(ends)


def test_a_resumed_run_shows_what_it_took_over(ui: RunningUI, runs: Runs) -> None:
    tasks = ui.data(f"/flows/Stumble/runs/{runs.resumed}/tasks?_limit=100")
    assert {row["step_name"] for row in tasks} == {"_parameters", "start", "hopeless", "bridge", "end"}
    assert {row["status"] for row in tasks} == {"completed"}
    origins = ui.data(f"/flows/Stumble/runs/{runs.resumed}/metadata?field_name=origin-run-id&_limit=100")
    assert runs.stumble in {row["value"] for row in origins}


def test_runs_are_found_by_user_project_and_tag(ui: RunningUI, runs: Runs) -> None:
    def found(query: str) -> set[str]:
        return {row["run"] for row in ui.data(f"/runs?_limit=100&{query}")}

    assert found("_tags=kind:greeting") == {runs.hello}
    assert found("_tags=project:greetings") == {runs.hello, runs.astray}
    assert found("user=bob") == {runs.astray, runs.stumble, runs.resumed}
    assert found("_tags:any=kind:greeting,user:bob") == {runs.hello, runs.astray, runs.stumble, runs.resumed}
    assert found("_tags:likeany=greet&user=bob") == {runs.astray}
    assert found("status=completed&flow_id:co=ell") == {runs.hello, runs.astray}
    assert ui.data("/tags/autocomplete?_limit=5&tag:re=user:.*o.*") == ["user:bob"]
    assert ui.data("/tags/autocomplete?_limit=5&tag:sw=kind") == ["kind:greeting"]
