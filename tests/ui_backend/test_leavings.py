"""What attempts leave behind: whole logs, cards of each attempt and of a task that was taken over, files, failures."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.service.running import await_condition
from tests.ui_backend.running import RunningUI
from tests.ui_backend.world import Runs, World

CARD_SECONDS = 60.0  # an attempt that fails does not wait for the card that it had begun


def task_of(ui: RunningUI, run: str, step: str, flow: str = "Stumble") -> str:
    row = next(row for row in ui.data(f"/flows/{flow}/runs/{run}/tasks?_limit=100") if row["step_name"] == step)
    return f"/flows/{flow}/runs/{run}/steps/{step}/tasks/{row['task_id']}"


def cards_of(ui: RunningUI, task: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ui.data(f"{task}/cards")
    return found


def test_cards_tell_which_attempt_made_them(ui: RunningUI, runs: Runs) -> None:
    task = task_of(ui, runs.stumble, "start")
    cards = await_condition(
        lambda: (found := cards_of(ui, task)) and len(found) == 2 and found, CARD_SECONDS, "both attempts have a card"
    )
    assert [card["attempt_id"] for card in cards] == [0, 1]
    assert [card["origin"] for card in cards] == [None, None]
    assert "made by attempt 1" in str(ui.read(f"{task}/cards/{cards[1]['hash']}/data"))
    assert all(card["version"] for card in cards)


def test_a_task_that_was_taken_over_shows_the_cards_of_its_origin(ui: RunningUI, runs: Runs) -> None:
    origin, clone = task_of(ui, runs.stumble, "start"), task_of(ui, runs.resumed, "start")
    cards = await_condition(
        lambda: (found := cards_of(ui, clone)) and len(found) == 2 and found, CARD_SECONDS, "the clone shows both"
    )
    task = origin.rpartition("/")[2]
    assert {card["origin"] for card in cards} == {f"Stumble/{runs.stumble}/start/{task}"}
    assert [card["hash"] for card in cards] == [card["hash"] for card in cards_of(ui, origin)]
    last = cards[-1]["hash"]
    assert ui.get(f"{clone}/cards/{last}").text == ui.get(f"{origin}/cards/{last}").text
    assert ui.read(f"{clone}/cards/{last}/data") == ui.read(f"{origin}/cards/{last}/data")


def test_a_step_that_was_run_again_does_not_show_what_it_replaced(ui: RunningUI, runs: Runs) -> None:
    assert cards_of(ui, task_of(ui, runs.resumed, "end")) == []


def test_tasks_that_were_taken_over_from_each_other_are_an_end_too(
    ui: RunningUI, runs: Runs, world_database: str
) -> None:
    """Nobody can make such rows with a client; whoever writes rows can."""
    task = task_of(ui, runs.resumed, "end")
    run, number = runs.resumed, task.rpartition("/")[2]
    with psycopg.connect(world_database, autocommit=True) as table:
        for name, value in (("origin-run-id", run), ("origin-task-id", number)):
            table.execute(
                "INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, user_name,"
                " ts_epoch, tags, system_tags) VALUES ('Stumble', %s, 'end', %s, %s, %s, %s, 'bob', 1, '[]', '[]')",
                (int(run), int(number), name, value, name),
            )
    assert cards_of(ui, task) == []


def test_a_page_takes_updates_only_for_whoever_asks_for_the_bridge(ui: RunningUI, runs: Runs) -> None:
    task = task_of(ui, runs.hello, "start", flow="Hello")
    card = cards_of(ui, task)[0]["hash"]
    plain, bridged = ui.get(f"{task}/cards/{card}"), ui.get(f"{task}/cards/{card}?bridge=1")
    assert bridged.text.startswith(plain.text)
    assert "metaflow_card_update" in bridged.text[len(plain.text) :]
    assert bridged.headers["Content-Security-Policy"] == plain.headers["Content-Security-Policy"]
    assert "Content-Disposition" not in plain.headers
    download = ui.get(f"{task}/cards/{card}?download=true")
    assert download.text == plain.text
    assert download.headers["Content-Disposition"].endswith(f"{card}.html")


def test_a_card_of_no_task_is_told_from_no_card(ui: RunningUI, runs: Runs) -> None:
    task = task_of(ui, runs.hello, "start", flow="Hello")
    unknown = ui.get(f"/flows/Hello/runs/{runs.hello}/steps/start/tasks/999999/cards/{'0' * 32}")
    assert (unknown.status_code, unknown.text) == (404, "Task not found")
    assert ui.get(f"{task}/cards/{'0' * 32}").text == "Card not found for task"


def test_live_data_that_browsers_cannot_read_is_made_readable(ui: RunningUI, runs: Runs, world: World) -> None:
    task = task_of(ui, runs.hello, "start", flow="Hello")
    hash_ = cards_of(ui, task)[0]["hash"]
    file = next((world.sysroot / ".metaflow").rglob(f"*{hash_}.data.json"))
    before = file.read_bytes()
    try:
        file.write_text('{"reload_token": "x", "data": {"loss": NaN, "best": -Infinity, "n": [1, 2]}}')
        assert ui.get(f"{task}/cards/{hash_}/data").text.count("NaN") == 0
        assert ui.read(f"{task}/cards/{hash_}/data")["data"]["data"] == {"loss": None, "best": None, "n": [1, 2]}
        for broken in ("", '{"data": ', "[" * 100_000 + "]" * 100_000):
            file.write_text(broken)
            assert ui.get(f"{task}/cards/{hash_}/data").status_code == 404
    finally:
        file.write_bytes(before)


def test_a_log_says_whether_it_is_whole(ui: RunningUI, runs: Runs, world: World) -> None:
    task = task_of(ui, runs.hello, "end", flow="Hello")
    assert ui.read(f"{task}/logs/out")["whole"] is True
    assert ui.read(f"{task}/logs/err")["whole"] is True
    killed = task_of(ui, runs.sleeper, "start", flow="Sleeper")
    assert ui.read(f"{killed}/logs/out")["whole"] is False
    cloned = task_of(ui, runs.resumed, "start")
    assert ui.read(f"{cloned}/logs/out")["whole"] is False


def test_an_exception_that_was_caught_is_shown_as_the_client_prints_it(ui: RunningUI, runs: Runs, world: World) -> None:
    task = task_of(ui, runs.resumed, "hopeless")
    said = world.ask(f"answer = str(Task('Stumble/{runs.resumed}/hopeless/{task.rpartition('/')[2]}')['failure'].data)")
    assert "this step never works" in said
    rows = {row["name"]: row for row in ui.data(f"{task}/artifacts?postprocess=true&_limit=100")}
    assert rows["failure"]["content"] == said
    assert "_catch_exception" in rows


def test_an_included_file_is_shown_as_its_content(ui: RunningUI, runs: Runs, world: World) -> None:
    said = world.ask(f"data = Run('Stumble/{runs.resumed}').data; answer = [data.source, repr(data.raw)]")
    assert said[0].startswith('"""Succeeds on a second attempt')
    found = ui.data(f"/flows/Stumble/runs/{runs.resumed}/parameters")
    assert [found["source"]["value"], found["raw"]["value"]] == said
    task = task_of(ui, runs.resumed, "end")
    rows = {row["name"]: row for row in ui.data(f"{task}/artifacts?postprocess=true&_limit=100")}
    assert [rows["source"]["content"], rows["raw"]["content"]] == said
    blob = next((world.sysroot / "data" / "Stumble").iterdir())
    blob.rename(blob.with_suffix(".away"))
    try:
        away = ui.data(f"/flows/Stumble/runs/{runs.resumed}/parameters")
        assert away.keys() == found.keys()
        unread = [name for name, one in away.items() if str(one["value"]).startswith("cannot be shown, because")]
        assert 0 < len(unread) < len(away)
        assert all(away[name] == found[name] for name in away if name not in unread)
    finally:
        blob.with_suffix(".away").rename(blob)
