"""Patterns that take long, and clients that leave: neither keeps the database busy, and no write is lost by it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from metaflow_anywhere.database.pool import PATTERN_SECONDS
from tests.service.conftest import Made
from tests.service.running import Client, await_blocked, await_condition, service_environment
from tests.ui_backend.running import RunningUI

EVIL = r"^(a+)(a+)(a+)(a+)\1\2\3\4$"  # of an odd number of letters, by trying all ways to share them out
BUSY = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
    AND pid <> pg_backend_pid() AND query LIKE %s"""


@pytest.fixture
def slow(http: Client, made: Made) -> str:
    """The path of a question that takes all the time that it may."""
    http.post(f"{made.task}/metadata", [{"field_name": "f", "value": "a" * 3001}])
    return f"{made.step}/filtered_tasks?metadata_field_name=f&pattern={quote(EVIL)}"


def leaving(url: str, method: str, path: str, body: bytes = b"") -> Callable[[], None]:
    """Send a request and do not wait for its answer; the returned function hangs up."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port or 80), timeout=10)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection.close


def busy(table: psycopg.Connection, text: str) -> int:
    row = table.execute(BUSY, (f"%{text}%",)).fetchone()
    assert row is not None
    return int(row[0])


def test_a_pattern_has_a_short_time(http: Client, slow: str, made: Made) -> None:
    started = time.monotonic()
    answer = http.get(slow)
    assert time.monotonic() - started < PATTERN_SECONDS + 5
    assert (answer.status_code, answer.json()) == (500, '{"err_msg": {"type": "timeout error"}}')
    assert http.read(f"{made.step}/filtered_tasks?metadata_field_name=f&pattern=a%2B") == [
        f"{made.flow_id}/{made.run_number}/start/{made.task_id}"
    ]


def test_ten_of_them_leave_the_service_to_the_others(
    http: Client, slow: str, made: Made, table: psycopg.Connection
) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(Client(http.url).get, slow) for _ in range(10)]
        await_condition(lambda: busy(table, "m.value ~"), 10, "one of them runs")
        started = time.monotonic()
        while not all(answer.done() for answer in answers):
            assert busy(table, "m.value ~") <= 1  # all are of one client
            assert http.get(made.task).status_code == 200
        assert time.monotonic() - started < 4 * PATTERN_SECONDS
        assert {answer.result().status_code for answer in answers} <= {500, 503}


def test_who_hangs_up_ends_its_question(http: Client, slow: str, table: psycopg.Connection) -> None:
    hang_up = leaving(http.url, "GET", slow)
    await_condition(lambda: busy(table, "m.value ~"), 10, "it runs")
    started = time.monotonic()
    hang_up()
    await_condition(lambda: not busy(table, "m.value ~"), 10, "it has ended")
    assert time.monotonic() - started < PATTERN_SECONDS - 1


def test_any_read_ends_when_its_client_leaves(
    http: Client, made: Made, database: str, table: psycopg.Connection
) -> None:
    with psycopg.connect(database) as blocker:
        blocker.execute("LOCK TABLE tasks_v3 IN ACCESS EXCLUSIVE MODE")
        hang_ups = [leaving(http.url, "GET", path) for path in (made.task, f"{made.step}/tasks", f"{made.step}/tasks")]
        await_blocked(table, 3)
        for hang_up in hang_ups:
            hang_up()
        await_condition(lambda: not busy(table, "tasks_v3"), 10, "they have ended")
        assert http.get(made.flow).status_code == 200
    assert http.get(made.task).status_code == 200


def test_a_write_is_finished_though_its_client_left(
    http: Client, made: Made, database: str, table: psycopg.Connection
) -> None:
    with psycopg.connect(database) as blocker:
        blocker.execute("LOCK TABLE metadata_v3 IN ACCESS EXCLUSIVE MODE")
        hang_up = leaving(http.url, "POST", f"{made.task}/metadata", b'[{"field_name": "late", "value": "v"}]')
        await_blocked(table, 1)
        hang_up()
        assert http.get(made.task).status_code == 200
    await_condition(lambda: http.read(f"{made.task}/metadata"), 10, "it is there")


@pytest.fixture
def ui(database: str, tmp_path: Path) -> Iterator[RunningUI]:
    running = RunningUI(tmp_path / "ui", {**service_environment(database), "UI_ENABLED": "0"})
    yield running
    assert "Traceback" not in running.log()
    running.stop()


def test_the_ui_backend_gives_up_too(
    ui: RunningUI, http: Client, made: Made, database: str, table: psycopg.Connection
) -> None:
    http("PATCH", f"{made.run}/tag/mutate", {"tags_to_add": ["a" * 3001]})
    path = f"/tags/autocomplete?tag:re={quote(EVIL)}"
    started = time.monotonic()
    assert ui.get(path).json()["data"] == '{"err_msg": {"type": "timeout error"}}'
    assert time.monotonic() - started < PATTERN_SECONDS + 5
    hang_up = leaving(ui.url, "GET", path)
    await_condition(lambda: busy(table, "AS tag"), 10, "it runs")
    hang_up()
    await_condition(lambda: not busy(table, "AS tag"), PATTERN_SECONDS - 1, "it has ended")
    with psycopg.connect(database) as blocker:
        blocker.execute("LOCK TABLE tasks_v3 IN ACCESS EXCLUSIVE MODE")
        hang_up = leaving(ui.url, "GET", f"{made.run}/tasks")
        await_blocked(table, 1)
        hang_up()
        await_condition(lambda: not busy(table, "tasks_v3"), 10, "it has ended")
    assert ui.data(f"{made.run}/tasks")
