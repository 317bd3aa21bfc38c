"""The search socket, on runs of the real client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import requests

from tests.service.running import RunningService, service_environment
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


CITIES = [
    "Paris",
    "New York",
    "Rio, Brazil",
    'the "big" one',
    "a{b}",
    r"C:\temp\x",
    "k=v",
    "two\nlines",
    "NULL",
    "",
    "é",
]
TITLES = ["{'id': 1, 'n': 'x,y'}", "('t', 2)"]


@pytest.fixture(scope="module")
def own_ui(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUI]:
    running = RunningUI(tmp_path_factory.mktemp("ui"), service_environment(database))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def cities(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The path of a run whose tasks are in nested foreachs over cities and titles, told as the client tells it."""
    service = RunningService(tmp_path_factory.mktemp("service"), service_environment(database))

    def post(path: str, body: Any) -> Any:
        answer = requests.post(f"{service.url}/flows/Cities{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    post("", {})
    run = f"/runs/{post('/run', {})['run_number']}"
    for step, stacks in {
        "city": [[f"cities={city}"] for city in CITIES],
        "title": [[f"cities={city}", f"titles={title}"] for city in CITIES for title in TITLES],
    }.items():
        post(f"{run}/steps/{step}/step", {})
        for stack in stacks:
            task = post(f"{run}/steps/{step}/task", {})["task_id"]
            row = {"field_name": "foreach-stack", "type": "foreach-stack", "value": stack}
            post(f"{run}/steps/{step}/tasks/{task}/metadata", [row])
            post(f"{run}/steps/{step}/tasks/{task}/artifact", [{"name": "titles" if len(stack) > 1 else "cities"}])
    yield f"/flows/Cities{run}"
    service.stop()


@pytest.mark.parametrize("city", CITIES)
def test_a_foreach_item_is_found_whatever_is_in_it(own_ui: RunningUI, cities: str, city: str) -> None:
    path = f"/search{cities}?scope=FOREACH_VARIABLE"
    quoted = quote(f'cities="{city}"')
    found = search(own_ui, f"{path}&key={quoted}")[-1]["matches"]
    assert [match["step_name"] for match in found] == ["city", "title", "title"]


@pytest.mark.parametrize(
    ("key", "count"),
    [
        ("cities", len(CITIES) * 3),
        ("titles", len(CITIES) * 2),
        ("titles={'id': 1, 'n': 'x,y'}", len(CITIES)),
        ("titles=x,y", len(CITIES)),
        ("titles=('t', 2)", len(CITIES)),
        ("cities=New", 3),
        ("towns", 0),
    ],
)
def test_every_place_in_a_foreach_is_found(own_ui: RunningUI, cities: str, key: str, count: int) -> None:
    found = search(own_ui, f"/search{cities}?scope=FOREACH_VARIABLE&key={quote(key)}")[-1]["matches"]
    assert len(found) == count


def test_a_stack_that_is_no_array_hides_no_other(own_ui: RunningUI, cities: str, table: psycopg.Connection) -> None:
    table.execute("UPDATE metadata_v3 SET value = 'cities=\"half' WHERE value = '{cities=Paris}'")
    found = search(own_ui, f"/search{cities}?scope=FOREACH_VARIABLE&key=cities")[-1]["matches"]
    assert len(found) == len(CITIES) * 3
    table.execute("UPDATE metadata_v3 SET value = '{cities=Paris}' WHERE value = 'cities=\"half'")


@pytest.mark.parametrize("scopes", ["ARTIFACT,FOREACH_VARIABLE", "FOREACH_VARIABLE,ARTIFACT"])
def test_each_result_holds_what_was_found_so_far_and_each_task_once(
    own_ui: RunningUI, cities: str, scopes: str
) -> None:
    """The official page forgets a result when the next one comes."""
    for key, counts in {"cities": (len(CITIES), len(CITIES) * 3), "titles": (len(CITIES) * 2, len(CITIES) * 2)}.items():
        events = search(own_ui, f"/search{cities}?key={key}&scope={scopes}")
        results = [event["matches"] for event in events if event["type"] == "result"]
        assert len(results) == 2
        assert len(results[-1]) == max(counts)
        assert len({match["task_id"] for match in results[-1]}) == len(results[-1])
        first = {match["task_id"] for match in results[0]}
        assert len(first) == counts[0 if scopes.startswith("ARTIFACT") else 1]
        assert first <= {match["task_id"] for match in results[-1]}
