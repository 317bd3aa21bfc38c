"""What the proxy refuses, the programs' own doors refuse too, and every answer, refusals among them, says how it may be
kept and taken."""

from __future__ import annotations

import gzip

import pytest

from metaflow_anywhere.admission import HEADERS
from tests.proxying import Front, ask

DOORS = ["service, proxy", "service, straight", "ui, proxy", "ui, straight"]
FORMS = [
    "text/plain", "TEXT/PLAIN; charset=utf-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    " text/plain", "application/octet-stream", "application/xml", "text/json", "application/jsonx", "image/png", "json",
    "text/plain, application/json", "application/json, text/plain", "application/json;x=1, text/plain", "x+json", "*/*",
]  # fmt: skip
TAKEN = [
    None,
    "application/json",
    "Application/JSON; charset=utf-8",
    "application/merge-patch+json",
    "application/json ;x",
]
EVIL = "http://evil.example"
FOREIGN = [
    [("Origin", EVIL)], [("Origin", "null")], [("Origin", "http://127.0.0.1:1")], [("Origin", "http://127.0.0.1")],
    [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
    [("Origin", EVIL), ("Sec-Fetch-Site", "none")], [("Origin", EVIL), ("Sec-Fetch-Mode", "navigate")],
    [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")],
]  # fmt: skip


def status(
    whole: Front, door: str, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b""
) -> int:  # fmt: skip
    """Of an answer, whose headers are looked at."""
    place, prefix = whole.places[door]
    named = headers if any(name == "Host" for name, _ in headers) else [("Host", whole.host), *headers]
    found, said, text = ask(place, method, prefix + path, named, body)
    assert {name: said[name] for name in HEADERS} == HEADERS, (found, said.items(), text)
    return found


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_body_of_any_other_type_than_json_is_refused(whole: Front, door: str, method: str) -> None:
    def sent(*types: str) -> int:
        return status(whole, door, method, "/flows/Typed", [("Content-Type", one) for one in types], b"{}")

    assert {kind: sent(kind) for kind in FORMS} == dict.fromkeys(FORMS, 415)
    for two in (("application/json", "text/plain"), ("text/plain", "application/json")):
        assert sent(*two) in (400, 415)  # aiohttp itself takes only one
    for kind in TAKEN:
        assert sent(*([kind] if kind is not None else [])) in (200, 404, 405, 409), kind


@pytest.mark.parametrize("door", DOORS)
def test_a_packed_body_is_not_unpacked_and_is_no_fault_of_ours(whole: Front, door: str) -> None:
    for body in (gzip.compress(b"{}"), b"no gzip at all", b"{}"):
        for kind in ("gzip", "deflate", "br", "identity, gzip"):
            headers = [("Content-Type", "application/json"), ("Content-Encoding", kind)]
            found = status(whole, door, "POST", "/flows/Packed", headers, body)
            assert found in ((200, 405, 409) if body == b"{}" else (400, 405)), (kind, body)
    assert "Traceback" not in whole.log()


@pytest.mark.parametrize("door", DOORS)
def test_who_asks_and_by_which_name_is_judged_alike(whole: Front, door: str) -> None:
    own = [("Origin", f"http://{whole.host}")]
    for method, path, good in (("POST", "/flows/Asked", (200, 405, 409)), ("GET", "/flows", (200,))):
        assert status(whole, door, method, path, own, b"{}" if method == "POST" else b"") in good
        assert status(whole, door, method, path, [("Sec-Fetch-Site", "same-origin")]) in (200, 400, 405, 409)
        for headers in FOREIGN:
            if method == "GET" and door.endswith("straight") and ("Sec-Fetch-Mode", "navigate") in headers:
                continue  # a link; where those lead is the proxy's to say
            assert status(whole, door, method, path, headers) == 403, (method, headers)
        for host in ("evil.example", f"evil.example:{whole.port}", "127.0.0.2", "localhost.evil.example"):
            assert status(whole, door, method, path, [("Host", host)]) == 421, host
        for host in (whole.host, f"localhost:{whole.port}", f"LocalHost:{whole.port}"):
            assert status(whole, door, method, path, [("Host", host)]) in (200, 400, 405, 409), host


@pytest.mark.parametrize("door", DOORS)
def test_an_upgrade_that_another_page_asks_for_is_refused(whole: Front, door: str) -> None:
    socket = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
              ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-Fetch-Mode", "navigate")]  # fmt: skip
    for path in ("/ws", "/flows", "/search/flows/F/runs/1"):
        assert status(whole, door, "GET", path, [*socket, ("Origin", EVIL)]) == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "CONNECT", "TRACE", "PROPFIND", "ODD"])
@pytest.mark.parametrize("door", DOORS)
def test_odd_methods_are_refused(whole: Front, door: str, method: str) -> None:
    assert status(whole, door, method, "/flows", []) in ((400, 405) if method == "ODD" else (405,))


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/.anywhere/stack", 200), ("GET", "/service", 308), ("GET", "/api/nowhere", 404), ("GET", "/", 404),
        ("GET", "/service/nowhere", 404), ("GET", "/service/flows/None", 404), ("POST", "/service/flows/%00", 400),
        ("GET", "/api/stack", 500), ("PUT", "/", 405), ("GET", "/assets/x.js", 404), ("GET", "/service/flows/%ff", 400),
    ],
)  # fmt: skip
def test_every_answer_of_the_proxy_says_how_it_may_be_kept(whole: Front, method: str, path: str, expected: int) -> None:
    found, headers, _ = ask(whole.port, method, path)
    assert found == expected
    assert {name: headers[name] for name in HEADERS} == HEADERS
