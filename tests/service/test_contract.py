"""The wire contract of admin endpoints, flows, runs and steps, row by row: status, body and headers."""

from __future__ import annotations

import json
import time

import psycopg
import pytest

from metaflow_anywhere.service.routes import ROUTES
from tests.service.conftest import RUN_TAGS, Made
from tests.service.contract import TEXT, VERSION, database_error, now_ms
from tests.service.running import Client

# Admin


def test_ping_says_pong_and_tells_the_version(http: Client) -> None:
    answer = http.get("/ping")
    assert (answer.status_code, answer.text) == (200, "pong")
    assert answer.headers[VERSION] == "2.6.1"
    assert answer.headers["Content-Type"] == TEXT


def test_version_is_text_without_the_version_header(http: Client) -> None:
    answer = http.get("/version")
    assert (answer.status_code, answer.text) == (200, "2.6.1")
    assert VERSION not in answer.headers


def test_healthcheck_is_encoded_twice_and_typed_as_json(http: Client) -> None:
    answer = http.get("/healthcheck")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.json()) == {"status": "UP"}


def test_there_are_no_credentials_to_hand_out(http: Client) -> None:
    answer = http.get("/auth/token")
    assert answer.status_code == 500
    assert set(answer.json()) == {"err_msg", "traceback"}


@pytest.mark.parametrize("path", ["/", "/nothing", "/ping/", "/flows/", "/flows//runs", "/flows/F/runs/1/"])
def test_unknown_paths_and_trailing_slashes_are_404_as_text(http: Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.text) == (404, "404: Not Found")
    assert VERSION not in answer.headers


def test_a_wrong_method_is_405_and_names_the_right_ones(http: Client) -> None:
    answer = http("DELETE", "/flows/F")
    assert (answer.status_code, answer.text) == (405, "405: Method Not Allowed")
    assert answer.headers["Allow"] == "GET,POST"
    assert VERSION not in answer.headers


# Flows


def test_a_flow_is_created_read_and_listed(http: Client) -> None:
    before = now_ms()
    answer = http.post("/flows/Made", {"flow_id": "other", "user_name": "ann", "tags": ["a"], "system_tags": ["b"]})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == TEXT
    assert answer.headers[VERSION] == "2.6.1"
    flow = answer.json()
    assert before <= flow.pop("ts_epoch") <= now_ms()
    assert flow == {"flow_id": "Made", "user_name": "ann", "tags": ["a"], "system_tags": ["b"]}
    assert http.read("/flows/Made") == answer.json()
    assert answer.json() in http.read("/flows")


def test_what_a_flow_was_not_given_is_null(http: Client) -> None:
    flow = http.made("/flows/Bare", {})
    assert (flow["user_name"], flow["tags"], flow["system_tags"]) == (None, None, None)


def test_a_flow_that_exists_is_409_with_the_database_error(http: Client, flow: str) -> None:
    answer = http.post(flow, {})
    assert answer.status_code == 409
    assert database_error(answer.text)["pgcode"] == "23505"
    assert http.get(flow).status_code == 200


def test_a_flow_that_is_not_there_is_404_with_an_empty_object(http: Client) -> None:
    answer = http.get("/flows/Nowhere")
    assert (answer.status_code, answer.text) == (404, "{}")
    assert answer.headers[VERSION] == "2.6.1"


# Runs


def test_a_run_is_created_and_read(http: Client, flow: str) -> None:
    before = now_ms()
    created = http.made(f"{flow}/run", {"user_name": "ann", **RUN_TAGS})
    number = created["run_number"]
    assert isinstance(number, int)
    assert "user" not in created
    assert before <= created["ts_epoch"] <= now_ms()
    assert abs(created["last_heartbeat_ts"] - time.time()) < 5
    keys = {"flow_id", "run_number", "user_name", "ts_epoch", "tags", "system_tags", "last_heartbeat_ts"}
    assert set(created) == keys
    assert http.read(f"{flow}/runs/{number}") == {**created, "user": "ann"}
    assert http.read(f"{flow}/runs") == [{**created, "user": "ann"}]


def test_a_user_nobody_vouches_for_is_left_out(http: Client, flow: str) -> None:
    number = http.made(f"{flow}/run", {"user_name": "eve", "system_tags": ["user:ann"]})["run_number"]
    assert "user" not in http.read(f"{flow}/runs/{number}")


@pytest.mark.parametrize(
    ("system_tags", "beats"),
    [
        (None, True),
        ([], False),
        (["runtime:dev"], False),
        (["metaflow_version:2.2.11"], False),
        (["metaflow_version:2.2.12"], True),
        (["metaflow_version:2.19.39+local"], True),
        (["metaflow_version:1.13.9"], False),
        (["metaflow_version:1.14.0"], True),
        (["metaflow_version:nightly"], True),
    ],
)
def test_the_first_heartbeat_is_set_for_clients_that_send_them(
    http: Client, flow: str, system_tags: list[str] | None, beats: bool
) -> None:
    run = http.made(f"{flow}/run", {"system_tags": system_tags})
    assert (run["last_heartbeat_ts"] is not None) is beats


def test_a_run_without_its_flow_is_404_with_the_database_error(http: Client) -> None:
    answer = http.post("/flows/Nowhere/run", {})
    assert answer.status_code == 404
    assert database_error(answer.text)["pgcode"] == "23503"


def test_a_named_run_shows_its_name_and_is_found_by_both_ids(
    http: Client, flow: str, table: psycopg.Connection
) -> None:
    created = http.made(f"{flow}/run", {"run_number": "argo-abc"})
    assert created["run_number"] == "argo-abc"
    row = table.execute("SELECT run_number FROM runs_v3 WHERE run_id = 'argo-abc'").fetchone()
    assert row is not None
    assert http.read(f"{flow}/runs/argo-abc") == created == http.read(f"{flow}/runs/{row[0]}")
    again = http.post(f"{flow}/run", {"run_number": "argo-abc"})
    assert again.status_code == 409
    assert database_error(again.text)["pgcode"] == "23505"


def test_a_numeric_name_for_a_run_is_400(http: Client, flow: str) -> None:
    answer = http.post(f"{flow}/run", {"run_number": "12"})
    assert (answer.status_code, answer.json()) == (400, "provided run_id may not be a numeric")


@pytest.mark.parametrize("run", ["2147483647", "99999999999", "9" * 30, "no-such-name"])
def test_a_run_that_is_not_there_is_404_whatever_its_size(http: Client, flow: str, run: str) -> None:
    answer = http.get(f"{flow}/runs/{run}")
    assert (answer.status_code, answer.text) == (404, "{}")


def test_runs_of_an_unknown_flow_are_an_empty_list(http: Client) -> None:
    answer = http.get("/flows/Nowhere/runs")
    assert (answer.status_code, answer.json()) == (200, [])


# Steps


def test_a_step_is_created_read_and_listed_with_the_tags_of_its_run(http: Client, made: Made) -> None:
    step = http.read(made.step)
    assert step.pop("ts_epoch") <= now_ms()
    assert step == {
        "flow_id": made.flow_id,
        "run_number": str(made.run_number),
        "step_name": "start",
        "user_name": "ann",
        **RUN_TAGS,
    }
    other = http.made(f"{made.run}/steps/end/step", {"tags": ["own"]})
    assert other["tags"] == ["mine"]
    assert sorted(row["step_name"] for row in http.read(f"{made.run}/steps")) == ["end", "start"]


def test_a_step_that_exists_is_409_and_one_without_its_run_404(http: Client, made: Made) -> None:
    again = http.post(f"{made.step}/step", {})
    assert again.status_code == 409
    assert database_error(again.text)["pgcode"] == "23505"
    orphan = http.post(f"{made.flow}/runs/999999999/steps/start/step", {})
    assert orphan.status_code == 404
    assert database_error(orphan.text)["pgcode"] == "23503"


def test_a_step_that_is_not_there_is_404_and_those_of_an_unknown_run_an_empty_list(http: Client, made: Made) -> None:
    assert http.get(f"{made.run}/steps/none").status_code == 404
    assert http.read(f"{made.flow}/runs/999999999/steps") == []


# The description


def test_every_endpoint_is_described(http: Client) -> None:
    described = http.read("/openapi.json")["paths"]
    for route in ROUTES:
        if route.path != "/openapi.json":
            assert route.method.lower() in described[route.path], route
