"""The search socket, on runs of the real client."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.ui_backend.running import Browser, RunningUI
from tests.ui_backend.world import Runs


def search(ui: RunningUI, path: str) -> list[dict[str, Any]]:
    """The events of a search, to its end."""

    async def scenario() -> list[dict[str, Any]]:
        events = []
        async with Browser(ui.url, path) as browser:
            async for message in browser.socket:
                events.append(message.json()["event"])
            assert browser.socket.close_code == 1000
        return events

    return asyncio.run(scenario())


def test_artifacts_are_searched_by_name_and_value(ui: RunningUI, runs: Runs) -> None:
    path = f"/flows/Fan/runs/{runs.fan}"
    events = search(ui, f"/search{path}?key=doubled")
    assert events[0]["type"] == "progress"
    assert len(events[-1]["matches"]) == runs.width
    exact = search(ui, f'{path}/search?key=doubled&value="W3w3"')[-1]
    assert exact["type"] == "result"
    assert [set(match) for match in exact["matches"]] == [
        {"flow_id", "run_number", "step_name", "task_id", "searchable", "error"}
    ]
    assert (exact["matches"][0]["step_name"], exact["matches"][0]["run_number"]) == ("work", runs.fan)
    assert len(search(ui, f"/search{path}?key=doubled&value=w1")[-1]["matches"]) == (1 if runs.width <= 10 else 11)
    own = search(ui, f"/search/flows/Hello/runs/{runs.hello}?key=own&value=x")[-1]["matches"]
    assert {match["searchable"] for match in own} == {False}


def test_foreach_variables_are_searched(ui: RunningUI, runs: Runs) -> None:
    path = f"/search/flows/Fan/runs/{runs.fan}?scope=FOREACH_VARIABLE"
    assert len(search(ui, f"{path}&key=words")[-1]["matches"]) == runs.width
    found = search(ui, f"{path}&key=words=w5")[-1]["matches"]
    assert [match["value"] for match in found] == ["{words=w5}"]


def test_a_search_without_a_key_is_an_error(ui: RunningUI, runs: Runs) -> None:
    events = search(ui, f"/search/flows/Fan/runs/{runs.fan}")
    assert [event["type"] for event in events] == ["error"]
