"""Steps of features/ui_api.feature."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import aiohttp
import requests
from pytest_bdd import given, parsers, scenarios, then, when

from metaflow_anywhere.stack.hello.check import card_text
from tests.acceptance.place import Place

scenarios("ui_api.feature")
HEARING_SECONDS = 30.0


def ask(place: Place, path: str) -> requests.Response:
    answer = requests.get(f"{place.url}/api{path.format(**place.notes['ids'])}", timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


@given("a run of the flow linear that was started in some other folder")
def a_run_of_linear(place: Place) -> None:
    if "ids" in place.notes:
        return
    done = place.ask(*place.flow("linear", "run", "--run-id-file", f"{place.work}/linear.id"))
    assert done.status == 0, done.printed
    run = (place.work / "linear.id").read_text().strip()
    tasks = requests.get(f"{place.url}/api/flows/Linear/runs/{run}/tasks?_limit=9", timeout=60).json()["data"]
    place.notes["ids"] = {"run": run, **{task["step_name"]: task["task_id"] for task in tasks}}


@when(parsers.parse('the UI asks for "{path}"'))
def the_ui_asks(place: Place, path: str) -> None:
    place.notes["answers"] = [ask(place, path)]


@when(parsers.parse('the UI asks twice for "{path}"'))
def the_ui_asks_twice(place: Place, path: str) -> None:
    place.notes["answers"] = [ask(place, path), ask(place, path)]


def data(place: Place) -> Any:
    return place.notes["answers"][0].json()["data"]


@then("the answer says that the run is completed")
def the_run_is_completed(place: Place) -> None:
    assert data(place)["status"] == "completed"
    assert data(place)["duration"] > 0


@then("the answer has the parameter word with the value hello")
def the_parameter_is_there(place: Place) -> None:
    assert data(place)["word"]["value"] == "hello"


@then("the answer has the steps start, middle and end")
def the_steps_are_there(place: Place) -> None:
    assert set(data(place)["steps"]) == {"start", "middle", "end"}


@then(parsers.parse('each answer has the line "{line}"'))
def each_answer_has_the_line(place: Place, line: str) -> None:
    for answer in place.notes["answers"]:
        assert [row["line"] for row in answer.json()["data"]] == [line]


@then(parsers.parse('the answer lists one card, and the card says "{text}"'))
def the_card_says(place: Place, text: str) -> None:
    (card,) = data(place)
    path = f"/flows/Linear/runs/{{run}}/steps/middle/tasks/{{middle}}/cards/{card['hash']}"
    assert text in card_text(ask(place, path).text)


@then("the answer has an artifact with the content 5")
def the_artifact_has_a_value(place: Place) -> None:
    assert {row["content"] for row in data(place)} == {"5"}


@when("a page subscribes to the runs of the flow Heard")
def a_page_subscribes(place: Place) -> None:
    heard: list[dict[str, Any]] = []
    listening = threading.Event()

    async def listen() -> None:
        subscription = {"type": "SUBSCRIBE", "uuid": "page", "resource": "/flows/Heard/runs"}
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{place.url}/api/ws") as socket:
            await socket.send_json(subscription)
            await socket.send_str("__ping__")
            assert (await socket.receive()).data == "__pong__"  # and so the subscription was read before
            listening.set()
            heard.append(await socket.receive_json(timeout=HEARING_SECONDS))

    place.notes["page"] = (threading.Thread(target=lambda: asyncio.run(listen()), daemon=True), heard)
    place.notes["page"][0].start()
    assert listening.wait(HEARING_SECONDS)


@when("a flow called Heard with a run")
def a_flow_with_a_run(place: Place) -> None:
    for path in ("flows/Heard", "flows/Heard/run"):
        answer = requests.post(f"{place.url}/service/{path}", json={"user_name": "tester"}, timeout=60)
        assert answer.status_code == 200, answer.text


@then("the page hears of the run")
def the_page_hears(place: Place) -> None:
    thread, heard = place.notes["page"]
    thread.join(HEARING_SECONDS)
    assert [(event["type"], event["data"]["flow_id"]) for event in heard] == [("INSERT", "Heard")]
