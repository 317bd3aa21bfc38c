"""Bodies that do not arrive: their connections are closed in time, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, web

from metaflow_anywhere.http.deadlines import BodyTooSlow, whole_body
from tests.proxying import body_limit
from tests.service.conftest import Made
from tests.service.running import Client, RunningService, service_environment
from tests.ui_backend.running import RunningUI

BODY_SECONDS = 3.0  # of the service in these tests
UNFINISHED, LONG_UNFINISHED = 100, 900  # below the number of files that one program may have by default


@pytest.fixture(scope="module")
def service(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    running = RunningService(
        tmp_path_factory.mktemp("service"), service_environment(database), first=body_limit(BODY_SECONDS)
    )
    yield running
    running.stop()


@pytest.fixture
def ui(database: str, tmp_path: Path) -> Iterator[RunningUI]:
    running = RunningUI(tmp_path / "ui", {**service_environment(database), "UI_ENABLED": "0"})
    yield running
    running.stop()


def begun(url: str, path: str, count: int) -> list[socket.socket]:
    """So many POSTs of which the first byte of the body has arrived."""
    address = urlsplit(url)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n["
    opened = []
    for _ in range(count):
        one = socket.create_connection((address.hostname, address.port or 80), timeout=BODY_SECONDS + 30)
        one.sendall(head.encode())
        opened.append(one)
    return opened


def ends(one: socket.socket) -> bytes:
    """What is answered until the other end closes."""
    parts = []
    with one:
        while part := one.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_both_programs_close_what_does_not_go_on(http: Client, ui: RunningUI, made: Made, long_form: bool) -> None:
    count = LONG_UNFINISHED if long_form else UNFINISHED
    started = time.monotonic()
    asked = [*begun(http.url, f"{made.task}/metadata", count), *begun(ui.url, "/runs", count)]
    for number in range(5):
        answer = http.post(f"{made.task}/metadata", [{"field_name": "f", "value": str(number)}])
        assert answer.status_code == 200
        assert ui.get("/ping").text == "pong"
    answers = [ends(one) for one in asked]
    assert time.monotonic() - started < BODY_SECONDS + 15
    assert all(answer.startswith(b"HTTP/1.1 408") for answer in answers[:count])
    assert json.loads(answers[0].rpartition(b"\r\n\r\n")[2]) == f"the body did not arrive within {BODY_SECONDS:g} s"
    assert all(answer.startswith(b"HTTP/1.1 405") for answer in answers[count:])  # told at once, closed soon
    assert len(http.read(f"{made.task}/metadata")) == 5


def test_a_body_that_comes_in_time_in_pieces_is_whole() -> None:
    async def scenario() -> None:
        told: list[object] = []

        async def answer(request: web.BaseRequest) -> web.Response:
            try:
                told.append(await whole_body(request, 1.0))
            except BodyTooSlow:
                told.append("slow")
            return web.Response(text="ok")

        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]

        async def pieces(pause: float):  # type: ignore[no-untyped-def]
            for piece in (b"a", b"b", b"c"):
                yield piece
                await asyncio.sleep(pause)

        async with ClientSession() as session:
            for pause in (0.05, 0.0):
                await session.post(f"http://127.0.0.1:{port}/", data=pieces(pause))
            await session.get(f"http://127.0.0.1:{port}/")
            await session.post(f"http://127.0.0.1:{port}/", data=pieces(0.8))
        await runner.cleanup()
        assert told == [b"abc", b"abc", b"", "slow"]

    asyncio.run(scenario())
