"""Pages of every collection: each row once, by one rule with whole lists, at a cost that does not grow."""

from __future__ import annotations

import base64
import json
import time

import psycopg
import pytest

from tests.service.conftest import Made
from tests.service.running import Client
from tests.service.test_lists import fill_runs


def every_page(http: Client, path: str, limit: int) -> list[list[dict[str, object]]]:
    """All pages of a list, by following the cursors."""
    joint = "&" if "?" in path else "?"
    pages, cursor = [], ""
    while True:
        answer = http.get(f"{path}{joint}_limit={limit}{cursor}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["X-Limit"] == str(limit)
        pages.append(answer.json())
        if "X-Next-Cursor" not in answer.headers:
            return pages
        assert cursor != f"&_cursor={answer.headers['X-Next-Cursor']}"
        cursor = f"&_cursor={answer.headers['X-Next-Cursor']}"


def test_pages_hold_every_row_once_in_order(http: Client, made: Made, table: psycopg.Connection) -> None:
    fill_runs(table, made.flow, 10)
    for n in range(4):
        if n:
            http.made(f"{made.run}/steps/more{n}/step")
        http.made(f"{made.step}/task")
        http.made(f"{made.task}/metadata", [{"field_name": f"f{n}"}, {"field_name": f"g{n}"}])
        http.made(f"{made.task}/artifact", [{"name": f"a{n}"}, {"name": f"b{n}"}])
    for path, expected in {
        f"{made.flow}/runs": 11,
        f"{made.flow}/runs?user_name=ann": 11,
        f"{made.flow}/runs?status=failed,running": 11,
        f"{made.run}/steps": 4,
        f"{made.step}/tasks": 5,
        f"{made.step}/tasks?task_id:gt=0": 5,
        f"{made.task}/metadata": 8,
        f"{made.run}/metadata": 8,
        f"{made.task}/artifacts": 8,
        f"{made.step}/artifacts": 8,
        f"{made.run}/artifacts": 8,
    }.items():
        pages = every_page(http, path, 3)
        rows = [json.dumps(row, sort_keys=True) for page in pages for row in page]
        assert len(rows) == len(set(rows)) == expected, path
        assert all(len(page) == 3 for page in pages[:-1]), path
        if not path.endswith("artifacts"):  # those come by their place
            times = [int(str(row["ts_epoch"])) for page in pages for row in page]
            assert times == sorted(times, reverse=True), path


def test_flows_are_paged_too(http: Client, flow: str) -> None:
    flows = [str(row["flow_id"]) for page in every_page(http, "/flows", 2) for row in page]
    assert flows[0] == flow.removeprefix("/flows/")
    assert sorted(flows) == sorted(str(row["flow_id"]) for row in http.read("/flows"))


def artifact(name: str, attempt: int) -> dict[str, object]:
    return {"name": name, "attempt_id": attempt, "location": "l", "ds_type": "local", "sha": "s", "type": "t"}


def test_pages_and_whole_lists_of_artifacts_hold_the_highest_attempt_of_each_task(http: Client, made: Made) -> None:
    other = f"{made.step}/tasks/{http.made(f'{made.step}/task')['task_id']}"
    http.made(f"{made.run}/steps/end/step")
    last = f"{made.run}/steps/end/tasks/{http.made(f'{made.run}/steps/end/task')['task_id']}"
    for attempt in (1, 0, 2):  # they may be stored in any order
        http.made(f"{made.task}/artifact", [artifact(f"only_in_{attempt}", attempt), artifact("both", attempt)])
    http.made(f"{other}/artifact", [artifact("only_in_0", 0), artifact("both", 0)])
    http.made(f"{last}/artifact", [artifact("only_in_1", 1), artifact("only_in_0", 0)])
    expected = {
        made.task: [("both", 2), ("only_in_2", 2)],
        made.step: [("both", 0), ("both", 2), ("only_in_0", 0), ("only_in_2", 2)],
        made.run: [("both", 0), ("both", 2), ("only_in_0", 0), ("only_in_1", 1), ("only_in_2", 2)],
    }
    for where, names in expected.items():
        for limit in (1, 2, 3, 100):
            rows = [row for page in every_page(http, f"{where}/artifacts", limit) for row in page]
            assert sorted((row["name"], row["attempt_id"]) for row in rows) == names, (where, limit)
            assert rows == http.read(f"{where}/artifacts"), (where, limit)
    assert "X-Limit" not in http.get(f"{made.task}/attempt/0/artifacts?_limit=1").headers


@pytest.mark.parametrize(
    ("tags", "matches"),
    [
        ("user:ann", True),
        ("mine", True),
        ("mine,user:ann", True),
        ("user:bob", False),
        ("mine,user:bob", False),
        ("not shown", False),  # a child's own
    ],
)
def test_tags_asked_of_what_is_in_a_run_are_those_of_the_run(
    http: Client, made: Made, tags: str, matches: bool
) -> None:
    http.made(f"{made.task}/artifact", [artifact("x", 0)])
    http.made(f"{made.task}/metadata", [{"field_name": "f", "tags": ["its own"]}])
    for path in (f"{made.flow}/runs", f"{made.run}/steps", f"{made.step}/tasks",
                 f"{made.task}/artifacts", f"{made.step}/artifacts", f"{made.run}/artifacts"):  # fmt: skip
        answer = http.get(f"{path}?_limit=100", params={"_tags:all": tags})
        assert (len(answer.json()), answer.headers["X-Limit"]) == (int(matches), "100"), path
        assert len(http.get(path, params={"_tags:all": tags}).json()) == int(matches), path
    for path in (
        "/flows",
        f"{made.task}/metadata",
        f"{made.run}/metadata",
    ):  # these have their own: nobody's are hidden
        answer = http.get(f"{path}?_limit=100", params={"_tags:all": tags})
        assert answer.json() == http.read(f"{path}?_limit=100"), path
        assert len(answer.json()) >= 1


def test_what_is_in_a_run_follows_when_its_tags_change(http: Client, made: Made) -> None:
    assert http.get(f"{made.step}/tasks?_tags:all=late&_limit=5").json() == []
    answer = http("PATCH", f"{made.run}/tag/mutate", {"tags_to_add": ["late"], "tags_to_remove": ["mine"]})
    assert answer.status_code == 200
    for path in (f"{made.run}/steps", f"{made.step}/tasks"):
        assert len(http.read(f"{path}?_tags:all=late&_limit=5")) == 1
        assert http.read(f"{path}?_tags:all=mine&_limit=5") == []


def test_a_list_that_only_asks_for_tags_is_whole(http: Client, made: Made, table: psycopg.Connection) -> None:
    """A client that asks for no page reads no cursor."""
    table.execute(
        "INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch) SELECT %s, %s, 'start', 1"
        " FROM generate_series(1, 700)",
        (made.flow_id, made.run_number),
    )
    answer = http.get(f"{made.step}/tasks?_tags:all=mine")
    assert (len(answer.json()), "X-Limit" in answer.headers) == (701, False)


def test_pages_below_an_unknown_parent_are_empty_as_whole_lists_are(http: Client, made: Made) -> None:
    for path in (f"{made.flow}x/runs", f"{made.flow}/runs/987654321/steps", f"{made.run}/steps/none/tasks",
                 f"{made.run}/steps/none/artifacts", f"{made.step}/tasks/987654321/artifacts",
                 f"{made.step}/tasks/987654321/metadata", f"{made.flow}/runs/987654321/metadata"):  # fmt: skip
        for query in ("_limit=5", "_limit=5&_tags:all=mine"):
            answer = http.get(f"{path}?{query}")
            assert (answer.status_code, answer.json(), answer.headers["X-Limit"]) == (200, [], "5"), path


ARTIFACTS = 100_000
COST_FACTOR = 4  # between the cheapest answers; reading the run for each page makes it a hundred


def test_the_last_page_of_many_artifacts_costs_what_the_first_does(
    http: Client, made: Made, table: psycopg.Connection
) -> None:
    http.made(f"{made.run}/steps/work/step")
    table.execute(
        """WITH task AS (
            INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch)
            SELECT %(flow)s, %(run)s, CASE WHEN n %% 2 = 0 THEN 'work' ELSE 'start' END, 1700000000000 + n
            FROM generate_series(1, %(tasks)s) AS n RETURNING task_id, step_name, ts_epoch)
        INSERT INTO artifact_v3 (flow_id, run_number, step_name, task_id, name, location, ds_type, attempt_id, ts_epoch)
        SELECT %(flow)s, %(run)s, step_name, task_id, 'a' || n, 'l', 'local', attempt, ts_epoch
        FROM task, generate_series(1, 9) AS n,
            generate_series(0, CASE WHEN task_id %% 10 = 0 THEN 1 ELSE 0 END) AS attempt""",
        {"flow": made.flow_id, "run": made.run_number, "tasks": ARTIFACTS // 10},
    )
    table.execute("ANALYZE artifact_v3")
    first = f"{made.run}/artifacts?_limit=100"
    cursor = base64.urlsafe_b64encode(
        json.dumps({"step_name": "start", "task_id": made.task_id + 3, "attempt_id": 99, "name": ""}).encode()
    ).decode()
    last = f"{first}&_cursor={cursor}"
    assert "X-Next-Cursor" in http.get(first).headers
    assert "X-Next-Cursor" not in http.get(last).headers
    for step in ("start", "work"):
        assert cheapest(http, f"{made.run}/steps/{step}/artifacts?_limit=100") < COST_FACTOR * cheapest(http, first)
    assert cheapest(http, last) < COST_FACTOR * cheapest(http, first)
    started = time.monotonic()
    whole = http.read(f"{made.run}/artifacts")
    assert len({(row["task_id"], row["name"]) for row in whole}) == len(whole) == ARTIFACTS // 10 * 9
    assert time.monotonic() - started < 30  # comparing each with each took longer than two minutes


def cheapest(http: Client, path: str) -> float:
    """The seconds of the quickest of ten answers; the database keeps a plan after the fifth."""

    def seconds() -> float:
        started = time.perf_counter()
        http.read(path)
        return time.perf_counter() - started

    return min(seconds() for _ in range(10))
