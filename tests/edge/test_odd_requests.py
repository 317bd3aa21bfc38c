"""Odd requests to the whole stack, through the proxy, by the hundred; with ``--long`` by the ten thousand."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from metaflow_anywhere.admission import HEADERS, UNREAD
from tests.proxying import Front, ask, exchange

REQUESTS, LONG_REQUESTS = 400, 20_000
RAW, LONG_RAW = 100, 5_000
AT_ONCE = 16
MOST_GROWTH_BYTES = 150 * 2**20  # of all three programs together
KNOWN = [
    "/service/ping",
    "/service/flows",
    "/service/flows/F",
    "/api/runs",
    "/api/flows",
    "/api/status",
    "/",
    "/api/ws",
]
BY_THE_SERVER = (400, 417, 431)  # answered by Go's server itself, to what is no request
METHODS = ["GET"] * 5 + ["POST"] * 4 + ["PATCH", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT", "ODD", "get"]
PARTS = [
    "service", "api", "ui_backend_service", ".page", ".anywhere", "stack", "flows", "F", "runs", "1", "steps", "s",
    "tasks", "metadata", "artifacts", "cards", "logs", "out", "ws", "search", "assets", "index.html", "..", ".", "",
    "%2e%2e", "%2f", "%00", "%ff", "%", "a" * 3000, "%C3%BC", "~", "heartbeat", "filtered_tasks", "run", "ping",
]  # fmt: skip
NAMES = [
    "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Content-Type", "Upgrade", "Connection", "X-Forwarded-For", "Range",
    "X-Forwarded-Prefix", "X-Forwarded-Host", "Forwarded", "If-None-Match", "Accept", "Accept-Encoding", "Cookie", "TE",
    "X-HTTP-Method-Override", "Expect", "X-Request-Unread", "Content-Encoding", "User-Agent",
]  # fmt: skip
VALUES = [
    "", "*", "null", "http://evil.example", "same-origin", "cross-site", "navigate", "text/plain", "application/json",
    "websocket", "close", "keep-alive, Upgrade", "1.2.3.4", "/x", "bytes=0-1,5-", "gzip, br, zstd", "PUT", "yes",
    "100-continue", "trailers", "x" * 4000, "\"'<>{}", "gzip",
]  # fmt: skip
BODIES = [
    b"",
    b"{}",
    b"[]",
    b'{"user_name":"x"}',
    b"[" * 50_000,
    b"\xff\x00",
    b"null",
    b"NaN",
    b'[{"field_name":"a"}]',
    b"x" * 70_000,
]
PIECES = [
    b"GET ", b"POST ", b"/service/ping", b"/", b" HTTP/1.1", b" HTTP/1.0", b" HTTP/2", b"\r\n", b"\n", b"\r\n\r\n",
    b"Host: 127.0.0.1\r\n", b"Content-Length: 5\r\n", b"Content-Length: 99\r\n", b"Transfer-Encoding: chunked\r\n",
    b"\x00", b"\xff", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00", b": ", b" ", b"5\r\nhello\r\n",
    b"0\r\n\r\n", b"-1\r\n", b"a" * 9000, b"Connection: close\r\n", b"Upgrade: h2c\r\nHTTP2-Settings: AAMA\r\n",
]  # fmt: skip


def odd_request(whole: Front, seed: int) -> str:
    """The status of one answer, which is looked at."""
    choose = random.Random(seed)
    path = "/" + "/".join(choose.choice(PARTS) for _ in range(choose.randrange(1, 8)))
    if choose.random() < 0.3:
        path = choose.choice(KNOWN)
    query = "&".join(f"{choose.choice(PARTS)}={choose.choice(PARTS)}" for _ in range(choose.randrange(3)))
    headers = [(choose.choice(NAMES), choose.choice(VALUES)) for _ in range(choose.randrange(4))]
    if choose.random() < 0.1:
        headers.append(("Host", choose.choice(["evil.example", "", "localhost", "127.0.0.1:1", "[::1]"])))
    method, body = choose.choice(METHODS), choose.choice(BODIES)
    try:
        status, said, text = ask(whole.port, method, f"{path}?{query}", headers, body)
    except ConnectionError:  # an early answer, whose rest is lost where more of the body was on its way
        return "ended"
    assert "Traceback" not in text
    assert said[UNREAD] is None
    if method == "HEAD":  # whose answer has no words to look at
        return str(status)
    if status not in (101, *BY_THE_SERVER) or said["X-Content-Type-Options"]:
        assert said["X-Content-Type-Options"] == HEADERS["X-Content-Type-Options"], (method, path, headers, status)
        assert said["Cache-Control"], (method, path, headers, status)
    assert status < 500 or "err_msg" in text or '"id": "no-status"' in text or status == 503, (
        method,
        path,
        status,
        text,
    )
    return str(status)


def odd_bytes(whole: Front, seed: int) -> str:
    """What came back for bytes that are hardly HTTP: at most how it begins."""
    choose = random.Random(seed)
    begins = choose.choice([b"", b"GET /service/ping HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % whole.port])
    sent = begins + b"".join(choose.choice(PIECES) for _ in range(choose.randrange(1, 12)))
    found = exchange(whole.port, sent + b"\r\n\r\n", 0.05)
    assert b"Traceback" not in found
    return found[9:12].decode("latin-1") if found.startswith(b"HTTP/") else repr(found[:4])


@pytest.mark.parametrize("work", [odd_request, odd_bytes])
def test_whatever_is_sent_the_stack_goes_on(whole: Front, long_form: bool, work: object) -> None:
    count = {odd_request: (REQUESTS, LONG_REQUESTS), odd_bytes: (RAW, LONG_RAW)}[work][long_form]  # type: ignore[index]
    programs = [psutil.Process(one.pid) for one in (whole.process, whole.service.process, whole.ui.process)]

    def memory() -> int:
        return sum(int(one.memory_info().rss) for one in programs)

    assert whole.ping() == whole.ping("/api/ping") == "pong"
    before, started = memory(), time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = Counter(pool.map(lambda seed: work(whole, seed), range(count)))  # type: ignore[operator]
    print(f"{count} in {time.monotonic() - started:.0f} s: {dict(told)}; {before >> 20} -> {memory() >> 20} MiB")
    assert whole.ping() == whole.ping("/api/ping") == "pong"
    assert memory() - before < MOST_GROWTH_BYTES
    assert "Traceback" not in whole.log()
    assert "panic" not in whole.log()
