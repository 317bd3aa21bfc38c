"""Text that PostgreSQL cannot hold costs the character, and neither the row nor the batch nor the flow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import Made
from tests.service.running import Client
from tests.ui_backend.world import World

ODD = {
    "a NUL": ("a\0b", "a\ufffdb"),
    "half of a pair": ("x\ud800", "x\ufffd"),
    "a name that is not UTF-8": ("caf\udce9.csv", "caf\ufffd.csv"),
    "an emoji, which is whole": ("\U0001f600", "\U0001f600"),
    "the text of an escape": ("\\u0000", "\\u0000"),
}
odd = pytest.mark.parametrize(("sent", "kept"), ODD.values(), ids=ODD)


def post(http: Client, path: str, body: Any) -> Any:
    answer = http("POST", path, data=json.dumps(body))
    assert answer.status_code == 200, answer.text
    return answer.json()


@odd
def test_metadata_loses_the_character_only(http: Client, made: Made, sent: str, kept: str) -> None:
    rows = [
        {"field_name": "attempt", "value": "0", "type": "attempt", "tags": ["attempt_id:0"]},
        {"field_name": "foreach-stack", "value": [f"items={sent}", "b"], "type": "t"},
        {"field_name": f"f{sent}", "value": sent, "type": sent, "user_name": sent, "tags": [sent]},
    ]
    assert post(http, f"{made.task}/metadata", rows) == {"metadata_created": 3}
    named, stack, attempt = http.read(f"{made.task}/metadata")
    assert (named["field_name"], named["value"], named["tags"]) == (f"f{kept}", kept, [kept])
    assert kept in stack["value"] or kept.replace("\\", "\\\\") in stack["value"]
    assert (attempt["value"], attempt["tags"]) == ("0", ["attempt_id:0"])


@odd
def test_artifacts_too(http: Client, made: Made, sent: str, kept: str) -> None:
    rows = [{"name": "x", "location": sent, "tags": [sent]}, {"name": "y", "attempt_id": 0}]
    assert post(http, f"{made.task}/artifact", rows) == {"artifacts_created": 2}
    assert http.read(f"{made.task}/artifacts/x")["location"] == kept


@odd
def test_users_and_tags_too(http: Client, made: Made, sent: str, kept: str) -> None:
    run = post(http, f"{made.flow}/run", {"user_name": sent, "tags": [sent, "plain"], "system_tags": [f"user:{sent}"]})
    assert (run["user_name"], run["system_tags"]) == (kept, [f"user:{kept}"])
    assert set(run["tags"]) == {kept, "plain"}
    path = f"{made.run}/tag/mutate"
    assert kept in http("PATCH", path, data=json.dumps({"tags_to_add": [sent]})).json()["tags"]
    assert kept not in http("PATCH", path, data=json.dumps({"tags_to_remove": [sent]})).json()["tags"]


@pytest.mark.parametrize(
    ("sent", "kept"), [("NaN", "nan"), ("-Infinity", "-inf"), ("1e400", "inf"), ("1.5", "1.5"), ('"NaN"', "NaN")]
)
def test_a_number_that_is_none_does_not_take_its_batch_along(http: Client, made: Made, sent: str, kept: str) -> None:
    body = f'[{{"field_name": "a", "value": {sent}}}, {{"field_name": "b", "value": "b"}}]'
    assert http("POST", f"{made.task}/metadata", data=body).json() == {"metadata_created": 2}
    assert {row["field_name"]: row["value"] for row in http.read(f"{made.task}/metadata")} == {"a": kept, "b": "b"}


@pytest.mark.parametrize(
    "odd_row",
    [
        {"field_name": "odd", "value": "v", "a field \0 of nobody": "\0"},
        {"field_name": "odd", "value": [["deep", {"\0key": "\ud800"}]], "tags": ["t\0"]},
    ],
    ids=["an unknown field with a NUL in its name", "a NUL deep in a list"],
)
def test_what_stands_deep_in_a_row_costs_no_other_row(http: Client, made: Made, odd_row: dict[str, Any]) -> None:
    rows = [{"field_name": "before", "value": "b"}, odd_row, {"field_name": "after", "value": "a"}]
    assert post(http, f"{made.task}/metadata", rows) == {"metadata_created": 3}
    assert {row["field_name"] for row in http.read(f"{made.task}/metadata")} == {"before", "odd", "after"}


def test_a_foreach_over_odd_names_runs_to_its_end(http: Client, folder: Path) -> None:
    world = World(http.url, folder)
    (folder / "datastore").mkdir()
    started = world.start("names", "--max-workers", "4")
    run = started.finish()
    assert started.process.returncode == 0
    answer = world.ask(f"answer = sorted(task.data.length for task in Run('Names/{run}')['work'])")
    assert answer == [3, 5, 6, 8]
