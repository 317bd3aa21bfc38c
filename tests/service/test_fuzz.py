"""Odd requests by the thousand: from the OpenAPI description, and from nowhere. No 5xx but the documented ones."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import status_code_conformance

from tests.service.running import Client, RunningService, service_environment

load_all_checks()
EXISTING = {"flow": "F", "run": "1", "step": "s", "task": "1"}
EXAMPLES, LONG_EXAMPLES = 1300, 25_000
EXAMPLES_OF_EACH, LONG_EXAMPLES_OF_EACH = 30, 1000
ANSWER_SECONDS = 10.0
MOST_GROWTH_BYTES = 100 * 2**20
ANSWERS: Counter[int] = Counter()  # by status


@pytest.fixture(scope="module")
def target(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service that cuts statements after a second, with a task to ask for at /flows/F/runs/1/steps/s/tasks/1."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    service = RunningService(folder, {**service_environment(database), "MF_METADATA_DB_TIMEOUT": "1"})
    client = Client(service.url)
    client.made("/flows/F")
    assert client.made("/flows/F/run")["run_number"] == 1
    client.made("/flows/F/runs/1/steps/s/step")
    assert client.made("/flows/F/runs/1/steps/s/task")["task_id"] == 1
    client.made("/flows/F/runs/1/steps/s/tasks/1/metadata", [{"field_name": "f", "value": "v" * 1000}])
    before, started = service.memory_bytes(), time.monotonic()
    yield client
    after = service.memory_bytes()
    print(f"{time.monotonic() - started:.0f} s, {dict(ANSWERS)}, memory {before >> 20} -> {after >> 20} MiB")
    assert after - before < MOST_GROWTH_BYTES
    assert client.get("/ping").text == "pong"
    assert client.read("/flows/F")["flow_id"] == "F"
    assert service.process.poll() is None
    assert "Traceback" not in service.log()
    service.stop()


def documented(answer: requests.Response) -> None:
    """Whatever was asked: an answer the contract knows, without anything of the inside."""
    ANSWERS[answer.status_code] += 1
    assert answer.status_code in {200, 400, 404, 405, 409, 413, 422, 500}, (answer.status_code, answer.text)
    if answer.status_code == 500:
        assert "timeout error" in answer.text or "no AWS credentials" in answer.text, answer.text
    assert "Traceback" not in answer.text
    if answer.status_code not in (404, 405) and "/ping" not in answer.url and "/version" not in answer.url:
        answer.json()


# From the description


@pytest.fixture(scope="module")
def description(target: Client) -> schemathesis.BaseSchema:
    """What the service says about itself."""
    return schemathesis.openapi.from_url(f"{target.url}/openapi.json")


def test_the_service_does_as_its_description_says(description: schemathesis.BaseSchema, long_form: bool) -> None:
    for result in description.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]  # one that cannot be read fails right here
        each = settings(
            max_examples=LONG_EXAMPLES_OF_EACH if long_form else EXAMPLES_OF_EACH,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=not long_form,
        )

        @each
        @given(case=operation.as_strategy(), known=st.integers(0, 3))
        def conforms(case: schemathesis.Case[Any], known: int) -> None:
            if known:  # most of the time, ask for what is there
                case.path_parameters.update({name: EXISTING[name] for name in case.path_parameters if name in EXISTING})
            answer = case.call(timeout=ANSWER_SECONDS)
            case.validate_response(answer, checks=[status_code_conformance])
            documented(requests_response(answer))

        conforms()


def requests_response(answer: schemathesis.Response) -> requests.Response:
    """The same answer as everybody else's."""
    response = requests.Response()
    response.status_code = answer.status_code
    response._content = answer.content
    response.url = str(answer.request.url)
    return response


# From nowhere

SEGMENTS = st.one_of(
    st.sampled_from(
        ["flows", "F", "runs", "1", "steps", "s", "tasks", "metadata", "artifacts", "attempt", "run", "step"]
    ),
    st.text(min_size=1, max_size=8),
    st.integers().map(str),
)
KNOWN = st.sampled_from(
    [
        "/flows/F", "/flows/F/run", "/flows/F/runs", "/flows/F/runs/1", "/flows/F/runs/1/heartbeat",
        "/flows/F/runs/1/tag/mutate", "/flows/F/runs/1/steps/s/step", "/flows/F/runs/1/steps/s/task",
        "/flows/F/runs/1/steps/s/tasks", "/flows/F/runs/1/steps/s/filtered_tasks", "/flows/F/runs/1/metadata",
        "/flows/F/runs/1/steps/s/tasks/1/metadata", "/flows/F/runs/1/steps/s/tasks/1/artifact",
        "/flows/F/runs/1/steps/s/tasks/1/artifacts", "/flows/F/runs/1/steps/s/tasks/1/heartbeat",
    ]
)  # fmt: skip
PATHS = KNOWN | st.lists(SEGMENTS, min_size=1, max_size=10).map(
    lambda parts: "/" + "/".join(quote(p, safe="") for p in parts)
)
FIELDS = st.sampled_from(
    ["ts_epoch", "tags", "_tags", "status", "user", "user_name", "run_number", "task_id", "_limit"]
)
NAMES = FIELDS | st.sampled_from(["_cursor", "pattern", "metadata_field_name", "flow_id", "last_heartbeat_ts"])
OPERATORS = st.sampled_from(["", ":eq", ":ne", ":lt", ":co", ":sw", ":li", ":is", ":any", ":likeall", ":", ":x"])
VALUES = (
    st.text(max_size=12)
    | st.integers().map(str)
    | st.sampled_from(["null", "(", "a|*", "\\", "%", "completed", "(.*)+\\1"])
)
QUERIES = st.dictionaries(st.builds(str.__add__, NAMES, OPERATORS), VALUES, max_size=4)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
KEYS = st.sampled_from(
    ["user_name", "tags", "system_tags", "run_number", "task_id", "field_name", "value", "type", "name", "attempt_id",
     "location", "ds_type", "sha", "content_type", "tags_to_add", "tags_to_remove"]
)  # fmt: skip
OBJECTS = st.dictionaries(
    KEYS, SCALARS | st.lists(SCALARS, max_size=3) | st.lists(st.text(max_size=9), max_size=3), max_size=5
)
BODIES = st.one_of(
    OBJECTS.map(json.dumps), st.lists(OBJECTS, max_size=4).map(json.dumps), JSON.map(json.dumps), st.text(max_size=30)
).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=30)


def test_no_request_gets_an_undocumented_answer(target: Client, long_form: bool) -> None:
    @settings(
        max_examples=LONG_EXAMPLES if long_form else EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not long_form,
    )
    @given(
        method=st.sampled_from(["GET"] * 6 + ["POST"] * 6 + ["PATCH", "PATCH", "PUT", "HEAD"]),
        path=PATHS, query=QUERIES, body=BODIES,
    )  # fmt: skip
    def ask(method: str, path: str, query: dict[str, str], body: bytes) -> None:
        parameters = {name: value.encode("utf-8", "replace") for name, value in query.items()}
        answer = target.session.request(method, target.url + path, params=parameters, data=body, timeout=ANSWER_SECONDS)
        if method != "HEAD":
            documented(answer)

    ask()
