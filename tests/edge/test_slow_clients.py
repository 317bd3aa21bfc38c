"""Who sends half of something, or reads nothing, holds a place for a while, and stops nobody else."""

from __future__ import annotations

import contextlib
import re
import selectors
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow_anywhere.admission import UNREAD
from metaflow_anywhere.edge import caddy
from tests.proxying import Front, ask, body_limit, connected, front
from tests.service.running import new_database

HEAD_SECONDS, BODY_SECONDS = 1, 4  # of the proxy in these tests; its own are longer
PROGRAM_SECONDS = 1.0  # of the service, for a body
UNFINISHED = 1100  # more than a program may have open files by default
SOON_SECONDS = 15.0  # for an answer to somebody else, on a machine that does much


@pytest.fixture(scope="module")
def hasty(whole: Front, postgres_conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A front whose proxy has short limits of time; ``whole`` begins before that, and has the usual ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caddy, "HEAD_SECONDS", HEAD_SECONDS)
        patch.setattr(caddy, "BODY_SECONDS", BODY_SECONDS)
        folder = tmp_path_factory.mktemp("h")
        with (
            new_database(postgres_conninfo, "hasty") as database,
            front(folder, database, body_limit(PROGRAM_SECONDS)) as one,
        ):
            yield one


def head(port: int, path: str, kind: str = "application/json") -> bytes:
    """Of a POST, and the first byte of its body; 999 are yet to come."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Content-Type: {kind}",
        "Content-Length: 1000",
        "",
        "[",
    ]
    return "\r\n".join(lines).encode()


def drip(opened: list[socket.socket], seconds: float, but: int = 0) -> list[bytes]:
    """Send a byte a second on each, until all are closed ``but`` so many; what was answered on each. Fails after
    ``seconds``."""
    answers = dict.fromkeys(opened, b"")
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as waiting:
        for one in opened:
            waiting.register(one, selectors.EVENT_READ)
        beat = time.monotonic()
        while len(waiting.get_map()) > but:
            assert time.monotonic() < deadline, f"{len(waiting.get_map())} of {len(opened)} are still open"
            for key, _ in waiting.select(0.2):
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                piece = b""
                with contextlib.suppress(ConnectionError):
                    piece = ready.recv(65536)
                answers[ready] += piece
                if not piece:
                    waiting.unregister(ready)
                    ready.close()
            if time.monotonic() - beat > 1.0:
                beat = time.monotonic()
                for key in list(waiting.get_map().values()):
                    with contextlib.suppress(ConnectionError):
                        key.fileobj.send(b"x")  # type: ignore[union-attr]
    return list(answers.values())


def test_heads_and_bodies_that_trickle_are_ended(hasty: Front) -> None:
    paths = ("/service/flows/Slow", "/api/runs", "/service/nowhere", "/", "/nowhere", "/.anywhere/stack", "/service")
    opened = []
    for sent in (
        b"",
        b"GET /service/ping HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        *(head(hasty.port, path) for path in paths),
        head(hasty.port, "/service/flows/Slow", "text/plain"),
    ):
        one = connected(hasty.port)
        one.sendall(sent)
        opened.append(one)
    answers = drip(opened, BODY_SECONDS + SOON_SECONDS)
    statuses = [answer[9:12] for answer in answers]
    assert statuses == [b"", b"", b"408", b"405", b"404", b"405", b"405", b"200", b"308", b"415"]
    for answer in answers[2:]:  # one answer, and the end: what follows is no other request
        assert len(re.findall(rb"^HTTP/1", answer, re.MULTILINE)) == 1, answer
        assert b"\r\nConnection: close\r\n" in answer
        assert UNREAD.encode() not in answer
    assert ask(hasty.port, "GET", "/service/flows/Slow")[0] == 404


def test_an_answer_may_take_longer_than_a_body(hasty: Front) -> None:
    """The limit is on what a client sends: neither an open socket nor a question that waits for a lock is cut."""
    began = time.monotonic()
    socket_headers = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                      ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in socket_headers)
    with connected(hasty.port) as watching:
        watching.sendall(f"GET /api/ws HTTP/1.1\r\nHost: 127.0.0.1:{hasty.port}\r\n{lines}\r\n".encode())
        assert watching.recv(65536).startswith(b"HTTP/1.1 101")
        hasty.service.process.send_signal(signal.SIGSTOP)
        try:
            with connected(hasty.port) as patient:
                patient.sendall(f"GET /service/ping HTTP/1.1\r\nHost: 127.0.0.1:{hasty.port}\r\n\r\n".encode())
                patient.settimeout(0.1)
                while time.monotonic() - began < BODY_SECONDS + 2:
                    with contextlib.suppress(TimeoutError):
                        pytest.fail(f"answered {patient.recv(100)!r}")
                hasty.service.process.send_signal(signal.SIGCONT)
                patient.settimeout(SOON_SECONDS)
                assert patient.recv(65536).startswith(b"HTTP/1.1 200")
        finally:
            hasty.service.process.send_signal(signal.SIGCONT)
        watching.sendall(bytes([0x81, 0x80 | 8, 0, 0, 0, 0]) + b"__ping__")
        assert b"__pong__" in watching.recv(65536)


def test_many_who_send_half_a_body_stop_nobody(whole: Front) -> None:
    opened = []
    try:
        for path in ("/service/flows/Half", "/api/runs"):
            for _ in range(UNFINISHED // 2):
                one = connected(whole.port)
                one.sendall(head(whole.port, path))
                opened.append(one)
        slowest = 0.0
        for number in range(5):
            for path in ("/service/ping", "/api/flows", "/service/flows"):
                began = time.monotonic()
                assert ask(whole.port, "GET", path)[0] == 200
                slowest = max(slowest, time.monotonic() - began)
            assert ask(whole.port, "POST", f"/service/flows/Whole{number}", body=b"{}")[0] == 200
        assert slowest < SOON_SECONDS
    finally:
        drip(opened, 3 * SOON_SECONDS, but=UNFINISHED // 100)  # an end that crosses the next byte may be lost
        for one in opened:
            one.close()
    assert ask(whole.port, "GET", "/service/flows/Half")[0] == 404
    assert "Traceback" not in whole.log()


def test_the_proxys_own_limits_are_told_to_it(tmp_path: Path) -> None:
    text = caddy.caddyfile(stack_id="x", port=1, service="a", ui="b", status=tmp_path, pages=tmp_path)
    assert f"read_header {caddy.HEAD_SECONDS}s" in text
    assert f"read_body {caddy.BODY_SECONDS}s" in text
