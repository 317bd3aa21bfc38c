"""What the web UI is told of a stack: whole, soon even where the drive is slow, and without secrets."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import Stack
from metaflow_anywhere.stack.report import Looked
from metaflow_anywhere.stack.telling import LINE_CHARACTERS, TAIL_BYTES, start_telling, tail
from metaflow_anywhere.state.standing import Reporter

FIELDS = {
    "name", "version", "root", "url", "public_url", "programs", "mirror", "snapshots", "snapshots_at",
    "disk", "disk_at", "client", "now",
}  # fmt: skip


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack that is down and tells how it is."""
    root = tmp_path / "root"
    variables = {"MF_ROOT": str(root), "MF_STATE_DIR": str(tmp_path / "state"), "MF_PORT": "7999"}
    one = Stack(resolve(environ={"HOME": str(tmp_path), **variables}))
    one.make_folders()
    one.passwords()
    start_telling(one)
    yield one
    one.status_socket.unlink()


def get(stack: Stack, path: str) -> tuple[int, Any]:
    class OverSocket(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(str(stack.status_socket))

    connection = OverSocket("localhost", timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status, json.loads(answer.read())


def test_a_stack_that_is_down_is_told_whole(stack: Stack) -> None:
    status, told = get(stack, "/stack")
    assert status == 200
    assert set(told) == FIELDS
    assert [one["state"] for one in told["programs"]] == ["down"] * 5
    assert told["url"] == "http://127.0.0.1:7999"
    assert told["public_url"] is None
    assert told["snapshots"] == []
    assert told["mirror"] is None
    assert 0 < told["disk"]["free"] <= told["disk"]["total"]
    assert "export METAFLOW_SERVICE_URL=http://127.0.0.1:7999/service" in told["client"]["shell"]
    assert "%env METAFLOW_DEFAULT_METADATA=service" in told["client"]["notebook"]
    assert abs(told["now"] - time.time()) < 5


def test_the_mirror_is_told_as_it_stands(stack: Stack) -> None:
    reporter = Reporter(stack.standing_file)
    reporter.tell(state="current", last_saved=123.0, host="here", newest_base={"time": 100.0, "bytes": 5})
    mirror = get(stack, "/stack")[1]["mirror"]
    assert (mirror["state"], mirror["saved_at"], mirror["degraded_since"]) == ("current", 123.0, None)
    assert (mirror["newest_base_at"], mirror["holder"]) == (100.0, "here")
    reporter.tell(state="degraded", problem="the drive is full")
    mirror = get(stack, "/stack")[1]["mirror"]
    assert mirror["detail"] == "the drive is full"
    assert abs(mirror["degraded_since"] - time.time()) < 5
    reporter.standing.beat = 1.0
    stack.standing_file.write_text(json.dumps({**vars(reporter.standing)}))
    assert get(stack, "/stack")[1]["mirror"]["state"] == "stopped"


def test_nobody_waits_for_a_slow_drive_twice() -> None:
    going_on = threading.Event()
    looks = []

    def look() -> int:
        looks.append(1)
        if len(looks) > 1:
            going_on.wait(60)
        return len(looks)

    looked = Looked(look, 0.0)
    assert looked.ask() == 1
    began = time.monotonic()
    assert [looked.ask() for _ in range(50)] == [1] * 50
    assert time.monotonic() - began < 1
    assert len(looks) == 2
    known_at = looked.at
    going_on.set()
    assert known_at is not None
    while looked.found == 1:
        time.sleep(0.01)
    assert looked.at is not None
    assert looked.at > known_at


def test_a_look_that_fails_leaves_what_was_known() -> None:
    answers: list[Any] = [7, OSError("gone")]

    def look() -> int:
        found = answers.pop(0) if answers else OSError("gone")
        if isinstance(found, OSError):
            raise found
        return int(found)

    looked = Looked(look, 0.0)
    for _ in range(5):
        assert looked.ask() == 7
        time.sleep(0.02)


def test_logs_are_bounded_and_hold_no_secret(stack: Stack) -> None:
    password = stack.passwords()["metaflow"]
    written = [f"line {number}" for number in range(3000)]
    written += [
        f"connecting with {password}",
        "GET /?token=abc123&x=1",
        "API_KEY: abc123",
        "a\x00b\x1b[31mc",
        "x" * 9000,
    ]
    stack.log("service").write_text("\n".join(written) + "\n")
    status, told = get(stack, "/stack/logs/service?lines=6")
    assert status == 200
    lines = told["lines"]
    assert lines[0] == "line 2999"
    assert lines[1] == "connecting with ***"
    assert "abc123" not in str(lines)
    assert lines[4] == "a\ufffdb\x1b[31mc"
    assert len(lines[5]) == LINE_CHARACTERS
    assert len(get(stack, "/stack/logs/service")[1]["lines"]) == 200
    assert len(get(stack, "/stack/logs/service?lines=99999999")[1]["lines"]) == 2000
    assert len(get(stack, "/stack/logs/service?lines=x")[1]["lines"]) == 200
    assert get(stack, "/stack/logs/database")[1] == {"lines": []}


def test_of_a_huge_log_only_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate(10 * TAIL_BYTES)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe end\n")
    assert tail(path, 2, [])[-1] == "the end"


@pytest.mark.parametrize(
    "path",
    [
        "/stack/logs/..%2Fsecrets%2Fpgpass", "/stack/logs/../secrets/pgpass", "/stack/logs/nosuch", "/stack/logs/",
        "/stack/logs/service/x", "/stack/", "/", "/logs/service", "/stackx", "/stack/logs/service%00",
    ],
)  # fmt: skip
def test_there_is_nothing_else(stack: Stack, path: str) -> None:
    assert get(stack, path)[0] == 404


def test_the_socket_is_its_owner_s_alone(stack: Stack) -> None:
    assert stack.status_socket.stat().st_mode & 0o777 == 0o600
