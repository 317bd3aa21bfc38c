"""What clients get wrong: always one sentence and a 4xx, never a traceback."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from metaflow_anywhere.service.server import MAX_BODY_BYTES
from tests.service.conftest import Made
from tests.service.running import Client, RunningService, await_condition, service_environment

NOT_JSON = [b"", b"{", b"[1,]", b"nonsense", b"\xff\xfe", b'{"user_name": "\xff"}', b"[" * 100_000, b"9" * 5000]
NO_OBJECT = [b"[]", b"null", b"1", b'"text"', b"true"]
WRONG_TYPES = [
    {"user_name": 5},
    {"user_name": ["ann"]},
    {"tags": "a"},
    {"tags": {"a": 1}},
    {"tags": [1]},
    {"system_tags": [None]},
]
UNSTORABLE = [{"user_name": "x" * 256}]


def refused(answer: object, status: int = 400) -> None:
    """One sentence and nothing of the inside."""
    assert answer.status_code == status, answer.text  # type: ignore[attr-defined]
    body = answer.json()  # type: ignore[attr-defined]
    sentence = body["message"] if isinstance(body, dict) else body
    assert isinstance(sentence, str)
    assert sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert "line 1" not in sentence


@pytest.mark.parametrize("body", NOT_JSON + NO_OBJECT)
@pytest.mark.parametrize("where", ["/flows/New", "{flow}/run", "{run}/steps/x/step", "{step}/task", "{run}/tag/mutate"])
def test_bodies_that_are_no_json_objects(http: Client, made: Made, where: str, body: bytes) -> None:
    path = where.format(flow=made.flow, run=made.run, step=made.step)
    refused(http("PATCH" if path.endswith("mutate") else "POST", path, data=body))


@pytest.mark.parametrize("body", [*NOT_JSON, b"{}", b"null", b"[1]", b'["a"]', b"[null]", b"[[]]"])
@pytest.mark.parametrize("kind", ["metadata", "artifact"])
def test_bodies_that_are_no_lists_of_objects(http: Client, made: Made, kind: str, body: bytes) -> None:
    refused(http("POST", f"{made.task}/{kind}", data=body))


@pytest.mark.parametrize("body", WRONG_TYPES + UNSTORABLE)
def test_fields_of_the_wrong_type(http: Client, made: Made, body: object) -> None:
    for path in ("/flows/New", f"{made.flow}/run", f"{made.run}/steps/x/step", f"{made.step}/task"):
        refused(http("POST", path, data=json.dumps(body)))
    assert http.get("/flows/New").status_code == 404


@pytest.mark.parametrize(
    "row",
    [
        {"field_name": 1},
        {"type": []},
        {"value": {"a": 1}},
        {"tags": "a"},
        {"system_tags": [2]},
    ],
)
def test_metadata_of_the_wrong_type(http: Client, made: Made, row: object) -> None:
    refused(http("POST", f"{made.task}/metadata", data=json.dumps([{}, row])))
    assert http.read(f"{made.task}/metadata") == []


@pytest.mark.parametrize(
    "row",
    [
        {"name": 1},
        {"location": {}},
        {"sha": 5},
        {"attempt_id": -1},
        {"attempt_id": 32768},
        {"attempt_id": 10**30},
        {"attempt_id": "x"},
        {"attempt_id": 1.5},
        {"attempt_id": True},
        {"attempt_id": []},
    ],
)
def test_artifacts_of_the_wrong_type(http: Client, made: Made, row: object) -> None:
    refused(http("POST", f"{made.task}/artifact", data=json.dumps([{}, row])))
    assert http.read(f"{made.task}/artifacts") == []


def test_names_of_the_wrong_type(http: Client, made: Made) -> None:
    names: list[object] = [[], {}, True, 1.5, 7, "a\0", "\ud800"]
    for name in names:
        refused(http.post(f"{made.flow}/run", {"run_number": name}))
        refused(http.post(f"{made.step}/task", {"task_id": name}))


def test_a_body_over_the_limit_is_413_and_one_below_it_is_not(http: Client, made: Made) -> None:
    refused(http("POST", f"{made.task}/metadata", data=b" " * (MAX_BODY_BYTES + 1)), 413)
    big = json.dumps([{"field_name": "f", "value": "v" * (MAX_BODY_BYTES - 1000)}]).encode()
    assert http("POST", f"{made.task}/metadata", data=big).json() == {"metadata_created": 1}


@pytest.mark.parametrize("flow_id", ["a b", "ü", "a%2Fb", "a'b\"; DROP TABLE runs_v3 --", "{}", "..", "%(flow)s", "1"])
def test_any_text_is_a_name(http: Client, flow_id: str) -> None:
    path = f"/flows/{quote(flow_id, safe='')}".replace("..", "%2E%2E")
    sent = http_path(http, "POST", path, b"{}")
    assert sent[0] == 200, sent
    assert json.loads(sent[1])["flow_id"] == flow_id
    assert json.loads(http_path(http, "GET", path)[1])["flow_id"] == flow_id


@pytest.mark.parametrize("path", ["/flows/%00", "/flows/%ff%fe", "/flows/F/runs/%00"])
def test_paths_that_are_no_text(http: Client, path: str) -> None:
    status, body = http_path(http, "GET", path)
    assert status == 400
    assert isinstance(json.loads(body), str)


def http_path(client: Client, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """A request whose path is sent exactly as it is given (requests would tidy it up)."""
    address = urlsplit(client.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    connection.request(method, path, body=body)
    answer = connection.getresponse()
    result = (answer.status, answer.read())
    connection.close()
    return result


def test_a_name_longer_than_its_column_is_400(http: Client) -> None:
    refused(http.post(f"/flows/{'x' * 256}", {}))
    assert http.get(f"/flows/{'x' * 256}").status_code == 404


def test_sql_in_parameters_is_text(http: Client, made: Made, table: psycopg.Connection) -> None:
    evil = quote("'; DELETE FROM runs_v3; --")
    for query in (f"user_name={evil}", f"_tags:likeany={evil}", f"user_name:li={evil}", f"{evil}=1", f"_tags={evil}"):
        assert http.get(f"{made.flow}/runs?{query}").status_code == 200
    assert http.get(f"{made.step}/filtered_tasks?metadata_field_name={evil}&pattern={evil}").json() == []
    assert http.get(f"{made.flow}/runs?user_name:{evil}=1").status_code == 400
    assert http.get(made.run).status_code == 200


def test_a_regular_expression_that_explodes_is_cut_by_time(
    database: str, folder: object, made: Made, http: Client
) -> None:
    http.made(f"{made.task}/metadata", [{"field_name": "f", "value": "ab" * 2000 + "x"}])
    impatient = RunningService(folder, {**service_environment(database), "MF_METADATA_DB_TIMEOUT": "1"})  # type: ignore[arg-type]
    try:
        started = time.monotonic()
        pattern = quote(r"(.*)(.*)(.*)\3\2\1x$")
        answer = Client(impatient.url).get(f"{made.step}/filtered_tasks?pattern={pattern}")
        assert time.monotonic() - started < 20  # uncut it takes hours
        assert answer.status_code == 500, answer.text
        assert json.loads(answer.json()) == {"err_msg": {"type": "timeout error"}}
        assert Client(impatient.url).get(made.run).status_code == 200
    finally:
        impatient.stop()


def test_the_access_log_has_a_line_per_request_with_its_milliseconds(http: Client, service: RunningService) -> None:
    http.get("/flows/Logged?x=1")

    def line() -> str | None:
        return next((line for line in service.access_log() if "/flows/Logged" in line), None)

    found = await_condition(line, 60, "the request is logged")
    stamp, client, method, path, status, milliseconds, unit = found.split()
    assert stamp.endswith("Z")
    assert (client, method, path, status, unit) == ("127.0.0.1", "GET", "/flows/Logged?x=1", "404", "ms")
    assert 0 < float(milliseconds) < 5000


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_no_path_can_hold_is_refused_and_nothing_is_made(http: Client, made: Made, name: str) -> None:
    refused(http.post(f"{made.flow}/run", {"run_number": name}))
    refused(http.post(f"{made.step}/task", {"task_id": name}))
    assert len(http.read(f"{made.flow}/runs")) == 1
    assert len(http.read(f"{made.step}/tasks")) == 1


@pytest.mark.parametrize(
    "path", ["/flows/", "/flows//run", "{run}/steps//step", "{run}/steps//task", "{step}/tasks//metadata"]
)
def test_a_path_with_an_empty_name_leads_nowhere(http: Client, made: Made, path: str) -> None:
    where = path.format(run=made.run, step=made.step)
    assert http.post(where, [] if where.endswith("metadata") else {}).status_code == 404
    assert len(http.read("/flows")) == len([row for row in http.read("/flows") if row["flow_id"]])
    assert all(row["step_name"] for row in http.read(f"{made.run}/steps"))
