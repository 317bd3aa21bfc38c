"""No request hides in the body of another: raw bytes to both programs, straight and through the proxy."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.proxying import Front, ask, exchange

QUESTIONS = 8  # as many as the proxy may keep connections open; each must get its own answer


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
# Those that are answered before their bodies are read.
EARLY = ["PUT with a body", "FOO with a body", "CONNECT with a body", "GET with a body", "no such path", "an upgrade",
         "no such method there", "a form", "another origin", "an upgrade of a POST", "chunks"]  # fmt: skip


def name(door: str, trick: str) -> str:
    """The flow that is made if the trick works at this door."""
    return "Hidden" + re.sub(r"\W", "", f"{door} {trick}".title())


@pytest.fixture(scope="module")
def answered(whole: Front) -> dict[tuple[str, str], bytes]:
    """What each door answers to each trick, all of them at the same time, and honest questions after each."""

    def tried(case: tuple[str, str]) -> bytes:
        door, trick = case
        place, prefix = whole.places[door]
        found = exchange(place, carriers(prefix, whole.host, hidden(name(door, trick)))[trick])
        for _ in range(QUESTIONS):
            assert whole.ping("/service/ping") == whole.ping("/api/ping") == "pong"
        return found

    cases = [(door, trick) for door in whole.places for trick in TRICKS]
    with ThreadPoolExecutor(16) as pool:
        return dict(zip(cases, pool.map(tried, cases), strict=True))


DOORS = ["service, proxy", "service, straight", "ui, proxy", "ui, straight"]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("door", DOORS)
def test_nothing_hides_in_the_body_of_another(
    whole: Front, answered: dict[tuple[str, str], bytes], door: str, trick: str
) -> None:
    found = answered[door, trick]
    assert found.startswith(b"HTTP/1.") or found == b""
    assert ask(whole.port, "GET", f"/service/flows/{name(door, trick)}")[0] == 404, found


@pytest.mark.parametrize("trick", EARLY)
@pytest.mark.parametrize("door", [door for door in DOORS if door.endswith("straight")])
def test_an_answer_to_half_a_request_is_the_last_on_its_connection(
    answered: dict[tuple[str, str], bytes], door: str, trick: str
) -> None:
    found = answered[door, trick]
    assert len(re.findall(rb"^HTTP/1", found, re.MULTILINE)) == 1, found
