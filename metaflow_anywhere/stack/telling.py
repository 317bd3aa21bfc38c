"""Tells over a Unix socket how the stack is, to the proxy and so to the web UI: GET only, bounded, and without secrets.

It lives in the program ``sync``: the UI backend may be down when somebody wants to know why, and a program of its own
would cost more memory than all it has to say is worth.
"""

from __future__ import annotations

import contextlib
import http.server
import re
import socketserver
import threading
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from metaflow_anywhere.edge import STATUS_PATH
from metaflow_anywhere.stack.questions import QUESTIONS
from metaflow_anywhere.stack.report import Report
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.strict_json import encoded

LOGS = (*QUESTIONS, "supervisord")
DEFAULT_LINES, MOST_LINES = 200, 2000
TAIL_BYTES = 512 * 1024
LINE_CHARACTERS = 4000
AT_ONCE = 8  # requests; the proxy tells those beyond to try again
REQUEST_SECONDS = 10
LOOKS_SECRET = re.compile(r"(?i)\b([\w-]*(?:token|passw(?:or)?d|pswd|secret|api[_-]?key|auth[_-]?key)\s*[=:]\s*)\S+")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]")  # all but tab, line feed, and escape for colours


def start_telling(stack: Stack) -> None:
    """Listen on the stack's status socket, in the background, until this process ends. Raises OSError."""
    stack.status_socket.unlink(missing_ok=True)
    server = _Server(str(stack.status_socket), _Handler)
    stack.status_socket.chmod(0o600)
    server.stack, server.report = stack, Report(stack)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def tail(path: Path, lines: int, secrets: Iterable[str]) -> list[str]:
    """The last ``lines`` lines of the log ``path`` with every secret blacked out; none if there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            start = max(0, file.tell() - TAIL_BYTES)
            file.seek(start)
            found = file.read(TAIL_BYTES).decode(errors="replace").split("\n")
    except OSError:
        return []
    whole = found[1 if start else 0 :]
    if whole and not whole[-1]:
        whole.pop()
    return [_shown(line, secrets) for line in whole[-lines:]]


def _shown(line: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        line = line.replace(secret, "***")
    return CONTROL.sub("\ufffd", LOOKS_SECRET.sub(r"\1***", line))[:LINE_CHARACTERS]


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    stack: Stack
    report: Report

    def __init__(self, *arguments: Any) -> None:
        self._room = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread, while there is room."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One request."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to write of."""


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = REQUEST_SECONDS
    server: _Server
    name = STATUS_PATH[1:]

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        match [urllib.parse.unquote(name) for name in parts.path.split("/")]:
            case ["", self.name]:
                self._answer(200, self.server.report.document())
            case ["", self.name, "logs", name] if name in LOGS:
                self._answer(200, {"lines": self._lines(name, parts.query)})
            case _:
                self._answer(404, {"id": "not-found", "status": 404, "detail": f"there are: {', '.join(LOGS)}"})

    def _lines(self, name: str, query: str) -> list[str]:
        wanted = DEFAULT_LINES
        with contextlib.suppress(ValueError):
            wanted = int(urllib.parse.parse_qs(query).get("lines", [""])[0])
        stack = self.server.stack
        secrets = [secret for secret in stack.wanted_passwords().values() if secret]
        return tail(stack.log(name), min(max(wanted, 1), MOST_LINES), secrets)

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = encoded(document)
        self.send_response(status)
        for name, value in (
            ("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: the log is the mirror's."""
