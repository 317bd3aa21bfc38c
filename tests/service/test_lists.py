"""Filters, pages, and lists of any length."""

from __future__ import annotations

import base64
import json
import re
import time

import psycopg
import pytest

from tests.service.conftest import Made
from tests.service.running import Client, RunningService


def fill_runs(table: psycopg.Connection, flow: str, count: int) -> None:
    """Runs of ``flow`` made past the service; three of them in each millisecond."""
    table.execute(
        """INSERT INTO runs_v3 (flow_id, user_name, ts_epoch, tags, system_tags, last_heartbeat_ts)
        SELECT %s, 'ann', 1700000000000 + n / 3, jsonb_build_array('n' || n), '["user:ann"]', 1700000000 + n
        FROM generate_series(1, %s) AS n""",
        (flow.removeprefix("/flows/"), count),
    )


def tags_of(rows: list[dict[str, list[str]]]) -> list[str]:
    return [row["tags"][0] for row in rows]


@pytest.fixture
def seven(table: psycopg.Connection, flow: str) -> str:
    """A flow with runs tagged n1 to n7, oldest first."""
    fill_runs(table, flow, 7)
    return flow


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ts_epoch:lt=1700000000001", "n2 n1"),
        ("ts_epoch:le=1700000000001&ts_epoch:gt=1700000000000", "n5 n4 n3"),
        ("ts_epoch:ge=1700000000002", "n7 n6"),
        ("ts_epoch=1700000000002", "n7 n6"),
        ("ts_epoch:eq=1700000000000,1700000000002", "n7 n6 n2 n1"),
        ("ts_epoch:ne=1700000000001", "n7 n6 n2 n1"),
        ("last_heartbeat_ts=1700000003", "n3"),
        ("last_heartbeat_ts:is=null", ""),
        ("last_heartbeat_ts:ne=null&_limit=1", "n7"),
        ("run_id=null&_limit=2", "n7 n6"),
        ("user_name:co=NN&_limit=1", "n7"),
        ("user_name:sw=An&_limit=1", "n7"),
        ("user_name:sw=n", ""),
        ("user_name:ew=nn&_limit=1", "n7"),
        ("user_name:li=a_n&_limit=1", "n7"),
        ("user_name:co=a_n", ""),
        ("user_name:co=%25", ""),
        ("user=ann&_limit=1", "n7"),
        ("user:ne=ann", ""),
        ("system_tags:co=user&_limit=1", "n7"),
        ("tags:co=n3", "n3"),
        ("flow_id:sw=flow&_limit=1", "n7"),
        ("_tags=n3", "n3"),
        ("_tags=user:ann,n4", "n4"),
        ("_tags:all=n3,n4", ""),
        ("_tags:any=n3,n4", "n4 n3"),
        ("_tags:likeany=n3,5", "n5 n3"),
        ("_tags:likeall=n,3", "n3"),
        ("_tags:likeany=%25", ""),
        ("_tags=n1&_tags:any=n1,n2&user=ann", "n1"),
        ("status=failed,completed&_limit=2", "n7 n6"),
        ("status:ne=failed", ""),
        ("_limit=3", "n7 n6 n5"),
    ],
)
def test_runs_are_filtered(http: Client, seven: str, query: str, expected: str) -> None:
    assert tags_of(http.read(f"{seven}/runs?{query}")) == expected.split()


@pytest.mark.parametrize(
    ("tag", "user"), [("a,b", "Doe, Jane"), ("k=1,2,", "Corp\\Doe, Jane"), (",", "x,"), ("back\\,slash", "\\,\\")]
)
def test_tags_and_users_with_commas_are_found(
    http: Client, flow: str, table: psycopg.Connection, tag: str, user: str
) -> None:
    fill_runs(table, flow, 3)
    http.made(f"{flow}/run", {"user_name": user, "tags": [tag], "system_tags": [f"user:{user}"]})
    for name, value in {"_tags": tag, "_tags:any": f"user:{user}", "user": user, "user_name": user}.items():
        escaped = re.sub(r"(\\*),", r"\1\1\\,", value)
        first = re.sub(r"\\+$", lambda end: 2 * end[0], escaped)
        for query in ({name: escaped}, {name: escaped if name == "_tags" else f"{first},nobody"}):
            assert tags_of(http.get(f"{flow}/runs", params=query).json()) == [tag], query


def test_run_number_is_a_filter_too(http: Client, seven: str) -> None:
    newest = http.read(f"{seven}/runs?_limit=1")[0]["run_number"]
    assert tags_of(http.read(f"{seven}/runs?run_number={newest}")) == ["n7"]


def test_runs_without_tags_match_no_tag(http: Client, flow: str, table: psycopg.Connection) -> None:
    table.execute("INSERT INTO runs_v3 (flow_id, ts_epoch) VALUES (%s, 1)", (flow.removeprefix("/flows/"),))
    for query in ("_tags=a", "_tags:likeany=u", "_tags:any=a"):
        assert http.read(f"{flow}/runs?{query}") == []


def test_a_status_filter_shows_the_status(http: Client, seven: str) -> None:
    rows = http.read(f"{seven}/runs?status=failed")
    assert {row["status"] for row in rows} == {"failed"}
    assert len(rows) == 7
    assert "status" not in http.read(f"{seven}/runs?_limit=1")[0]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("status=bogus", "unsupported status filter: bogus"),
        ("status:co=run", "unsupported status filter: co"),
        ("ts_epoch=soon", "ts_epoch must be an integer"),
        ("last_heartbeat_ts:gt=", "last_heartbeat_ts must be an integer"),
        ("ts_epoch:lt=99999999999999999999", "ts_epoch is too large"),
        ("user_name:like=x", "unsupported operator: like"),
        ("user_name:=x", "unsupported operator: "),
        ("_tags:none=x", "unsupported operator: none"),
        ("user_name=%00", "a filter may not contain the character NUL"),
        ("_limit=many", "_limit must be a positive integer"),
        ("_limit=0", "_limit must be a positive integer"),
        ("_limit=-1", "_limit must be a positive integer"),
        ("_cursor=nonsense", "Invalid cursor"),
        ("_cursor=", "Invalid cursor"),
        ("_cursor=bnVsbA==", "Invalid cursor"),
    ],
)
def test_filters_that_make_no_sense_are_400(http: Client, flow: str, query: str, sentence: str) -> None:
    answer = http.get(f"{flow}/runs?{query}")
    assert (answer.status_code, answer.json()) == (400, sentence)


def test_unknown_fields_and_parameters_are_ignored(http: Client, seven: str) -> None:
    answer = http.get(f"{seven}/runs?colour=red&_order=ts&size:xx=1")
    assert len(answer.json()) == 7
    assert "X-Limit" not in answer.headers


def test_tasks_are_filtered(http: Client, made: Made) -> None:
    http.made(f"{made.step}/task", {"task_id": "named", "user_name": "bob"})
    asked = {
        "task_name=named": ["named"],
        "user_name=bob": ["named"],
        "user_name:ne=bob": [made.task_id],
        f"task_id={made.task_id}": [made.task_id],
        f"task_id:gt={made.task_id}": ["named"],
        "ts_epoch:lt=5": [],
        "last_heartbeat_ts:gt=5&_limit=1": ["named"],
        "status=anything": ["named", made.task_id],
    }
    for query, expected in asked.items():
        assert [row["task_id"] for row in http.read(f"{made.step}/tasks?{query}")] == expected, query
    assert http.get(f"{made.step}/tasks?ts_epoch=x").json() == "ts_epoch must be an integer"


def test_a_filter_means_a_page_of_fifty(http: Client, flow: str, table: psycopg.Connection) -> None:
    fill_runs(table, flow, 520)
    filtered = http.get(f"{flow}/runs?user_name=ann")
    assert (len(filtered.json()), filtered.headers["X-Limit"]) == (50, "50")
    assert "X-Next-Cursor" in filtered.headers
    largest = http.get(f"{flow}/runs?_limit=9999999999999")
    assert (len(largest.json()), largest.headers["X-Limit"]) == (500, "500")
    assert len(http.read(f"{flow}/runs")) == 520


def test_cursors_are_those_of_the_official_service(http: Client, seven: str) -> None:
    first = http.get(f"{seven}/runs?_limit=2")
    cursor = json.loads(base64.b64decode(first.headers["X-Next-Cursor"]))
    assert cursor == {"ts_epoch": 1700000000002, "run_number": first.json()[-1]["run_number"]}
    theirs = base64.b64encode(json.dumps(cursor).encode()).decode()
    assert tags_of(http.read(f"{seven}/runs?_cursor={theirs}&_limit=2")) == ["n5", "n4"]


def test_a_list_of_any_length_comes_whole_and_costs_no_memory(
    http: Client, service: RunningService, made: Made, table: psycopg.Connection
) -> None:
    fill_runs(table, made.flow, 20_000)
    table.execute(
        """INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch)
        SELECT %s, %s, 'start', 1700000000000 FROM generate_series(1, 5000)""",
        (made.flow_id, made.run_number),
    )
    table.execute(
        """INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch)
        SELECT flow_id, run_number, step_name, task_id, 'f', 'v', 't', 1 FROM tasks_v3 WHERE flow_id = %s""",
        (made.flow_id,),
    )
    http.read(f"{made.step}/tasks")
    before = service.memory_bytes()
    runs = http.read(f"{made.flow}/runs")
    assert len({row["run_number"] for row in runs}) == len(runs) == 20_001
    assert len({row["task_id"] for row in http.read(f"{made.step}/tasks")}) == 5001
    assert len(http.read(f"{made.step}/filtered_tasks")) == 5001
    assert service.memory_bytes() - before < 20 * 2**20


def test_a_reader_that_stops_reading_holds_nothing_and_nobody_up(
    http: Client, service: RunningService, flow: str, table: psycopg.Connection
) -> None:
    fill_runs(table, flow, 20_000)
    stuck = [Client(service.url).get(f"{flow}/runs", stream=True) for _ in range(15)]  # more than there are connections
    started = time.monotonic()
    assert http.get(f"{flow}/runs?_limit=1").status_code == 200
    assert time.monotonic() - started < 10  # the stuck ones would hold it up for a minute
    for answer in stuck:
        answer.close()
