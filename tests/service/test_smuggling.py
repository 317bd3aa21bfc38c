"""No request hides in the body of another: raw bytes to the service, straight and through the proxy in front of it."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from metaflow_anywhere.edge import caddy_program, caddyfile
from metaflow_anywhere.stack.ports import free_port
from metaflow_anywhere.stack.stack import PAGES
from tests.service.running import Client, RunningService, await_condition

_numbers = itertools.count()
SECONDS = 60.0
QUESTIONS = 8  # as many as the proxy may keep connections open; each must get its own answer


@pytest.fixture(scope="module")
def proxy(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The proxy in front of the service."""
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    place = urlsplit(service.url).netloc
    path = folder / "Caddyfile"
    path.write_text(
        caddyfile(stack_id="x", port=port, service=place, ui=place, status=folder / "none", pages=Path(PAGES))
    )
    command = [str(caddy_program()), "run", "--config", str(path), "--adapter", "caddyfile"]
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    client = Client(f"http://127.0.0.1:{port}/service")

    def answers() -> bool:
        with contextlib.suppress(OSError):
            return client.get("/ping").text == "pong"
        return False

    await_condition(answers, SECONDS, "the proxy answers")
    yield client
    process.terminate()
    process.wait(SECONDS)


def exchange(url: str, sent: bytes) -> bytes:
    """Everything that is answered to ``sent`` until the other side closes, or has been silent for a second."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) as connection:
        connection.sendall(sent)
        answered = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while piece := connection.recv(65536):
                answered += piece
                connection.settimeout(1.0)
        return answered


def hidden(flow: str) -> bytes:
    """A whole request that makes ``flow``."""
    return (
        f"POST /flows/{flow} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        "Content-Length: 20\r\n\r\n"
        '{"user_name":"evil"}'
    ).encode()


def carriers(prefix: str, host: str, inner: bytes) -> dict[str, bytes]:
    """Requests with ``inner`` where a body is, or would be by another reading, each by the name of its trick."""
    length = f"Content-Length: {len(inner)}\r\n"
    chunk = f"{len(inner):x}\r\n".encode() + inner + b"\r\n0\r\n\r\n"

    def request(line: str, headers: str, body: bytes) -> bytes:
        return f"{line} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode() + body

    path = f"{prefix}/ping"
    found = {
        f"{method} with a body": request(f"{method} {path}", length, inner)
        for method in ("CONNECT", "TRACE", "PUT", "DELETE", "PROPFIND", "GET", "HEAD", "OPTIONS", "get", "FOO")
    }
    found |= {
        "CONNECT to an authority": request("CONNECT 127.0.0.1:1", length, inner),
        "no such path": request(f"POST {prefix}/nowhere", length, inner),
        "no such method there": request(f"PATCH {path}", length, inner),
        "a form": request(f"POST {prefix}/flows/X", length + "Content-Type: text/plain\r\n", inner),
        "another origin": request(f"POST {prefix}/flows/X", length + "Origin: http://evil.example\r\n", inner),
        "an upgrade": request(f"GET {path}", length + "Connection: Upgrade\r\nUpgrade: websocket\r\n", inner),
        "an upgrade of a POST": request(
            f"POST {prefix}/nowhere", length + "Connection: Upgrade\r\nUpgrade: h2c\r\n", inner
        ),
        "chunks": request(f"POST {prefix}/nowhere", "Transfer-Encoding: chunked\r\n", chunk),
        "both lengths": request(
            f"POST {prefix}/nowhere", f"{length}Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + inner
        ),
        "two lengths": request(f"POST {prefix}/nowhere", f"Content-Length: 0\r\n{length}", inner),
        "an odd encoding": request(f"POST {prefix}/nowhere", f"{length}Transfer-Encoding: xchunked\r\n", inner),
        "a folded header": request(f"POST {prefix}/nowhere", f"X: a\r\n Transfer-Encoding: chunked\r\n{length}", inner),
        "a space before the colon": request(f"POST {prefix}/nowhere", f"Content-Length : 0\r\n{length}", inner),
        "a length with a sign": request(f"POST {prefix}/nowhere", f"Content-Length: +{len(inner)}\r\n", inner),
        "a chunk of a bad size": request(f"POST {prefix}/nowhere", "Transfer-Encoding: chunked\r\n", b"-1\r\n" + inner),
        "a chunk with an extension": request(
            f"POST {prefix}/nowhere", "Transfer-Encoding: chunked\r\n", chunk.replace(b"\r\n", b";x=\n\r\n", 1)
        ),
    }  # fmt: skip
    return found


TRICKS = sorted(carriers("", "", b""))


@pytest.mark.parametrize("trick", TRICKS)
def test_nothing_hides_in_what_passes_the_proxy(proxy: Client, trick: str) -> None:
    flow = f"Hidden{next(_numbers)}"
    parts = urlsplit(proxy.url)
    answered = exchange(proxy.url, carriers(parts.path, parts.netloc, hidden(flow))[trick])
    assert answered.startswith(b"HTTP/1.") or answered == b""
    for _ in range(QUESTIONS):
        assert proxy.get("/ping").text == "pong"
    assert proxy.get(f"/flows/{flow}").status_code == 404, answered


EARLY = ["PUT with a body", "FOO with a body", "CONNECT with a body", "GET with a body", "no such path", "an upgrade",
         "no such method there", "a form", "another origin", "an upgrade of a POST", "chunks"]  # fmt: skip


@pytest.mark.parametrize("trick", EARLY)
def test_an_answer_to_half_a_request_is_the_last_on_its_connection(
    service: RunningService, http: Client, trick: str
) -> None:
    flow = f"Hidden{next(_numbers)}"
    answered = exchange(service.url, carriers("", urlsplit(service.url).netloc, hidden(flow))[trick])
    assert len(re.findall(rb"^HTTP/1", answered, re.MULTILINE)) == 1, answered
    assert http.get(f"/flows/{flow}").status_code == 404
