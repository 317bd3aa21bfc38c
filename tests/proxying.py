"""The programs that answer, on Unix sockets as in a stack, and the proxy in front of them."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere.edge import IDENTITY_PATH, caddy_program, caddyfile
from metaflow_anywhere.stack.launch import raise_limit_of_files
from metaflow_anywhere.stack.ports import free_port
from metaflow_anywhere.stack.stack import PAGES
from tests.service.running import RunningService, await_condition, service_environment
from tests.ui_backend.running import RunningUI

SECONDS = 60.0


def body_limit(seconds: float) -> str:
    """What a service runs first for which a body may take no longer."""
    return f"from metaflow_anywhere.http import deadlines; deadlines.BODY_SECONDS = {seconds}"


@dataclass(frozen=True)
class Front:
    """The proxy at ``port``, and the two programs behind it with their sockets."""

    port: int
    folder: Path
    service: RunningService
    ui: RunningUI
    process: subprocess.Popen[bytes]

    @property
    def host(self) -> str:
        """As a browser's Host has it."""
        return f"127.0.0.1:{self.port}"

    @property
    def places(self) -> dict[str, tuple[int | Path, str]]:
        """Each door: where it is, and what its paths begin with; the service's both ways, and the UI backend's."""
        return {
            "service, proxy": (self.port, "/service"),
            "service, straight": (self.folder / "service.sock", ""),
            "ui, proxy": (self.port, "/api"),
            "ui, straight": (self.folder / "ui.sock", ""),
        }

    def ping(self, path: str = "/service/ping") -> str:
        """What the proxy answers on a connection of its own."""
        status, _, body = ask(self.port, "GET", path)
        assert status == 200, (status, body)
        return body

    def log(self) -> str:
        """What all three wrote to standard error."""
        return (self.folder / "caddy.log").read_text() + self.service.log() + self.ui.log()


@contextlib.contextmanager
def front(folder: Path, database: str, first: str = "") -> Iterator[Front]:
    """All three, as many files as they may have open, with a datastore that is empty; ``first`` as RunningService's."""
    raise_limit_of_files()
    port = free_port()
    environment = {
        **service_environment(database), "MF_ALLOWED_HOSTS": "127.0.0.1 localhost", "MF_METADATA_DB_TIMEOUT": "2",
        "MF_METADATA_SOCKET": str(folder / "service.sock"), "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
    }  # fmt: skip
    told = {
        "MF_UI_METADATA_SOCKET": str(folder / "ui.sock"), "ORIGIN_TO_ALLOW_CORS_FROM": f"http://127.0.0.1:{port}",
        "UI_ENABLED": "0",
    }  # fmt: skip
    with contextlib.ExitStack() as stack:
        service = RunningService(folder, environment, first=first)
        stack.callback(service.stop)
        ui = RunningUI(folder / "ui", {**environment, **told})
        stack.callback(ui.stop)
        path = folder / "Caddyfile"
        behind = {"service": f"unix/{folder / 'service.sock'}", "ui": f"unix/{folder / 'ui.sock'}"}
        path.write_text(caddyfile(stack_id="x", port=port, status=folder / "none", pages=Path(PAGES), **behind))
        command = [str(caddy_program()), "run", "--config", str(path), "--adapter", "caddyfile"]
        with (folder / "caddy.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env={"HOME": str(folder), "PATH": os.environ["PATH"]}
            )
        stack.callback(process.wait, SECONDS)
        stack.callback(process.terminate)

        def answers() -> bool:
            with contextlib.suppress(OSError):
                return ask(port, "GET", IDENTITY_PATH)[2] == "x"
            return False

        await_condition(answers, SECONDS, "the proxy answers")
        yield Front(port, folder, service, ui, process)


def connected(place: int | Path) -> socket.socket:
    """A connection to a port of loopback, or to a Unix socket."""
    if isinstance(place, int):
        return socket.create_connection(("127.0.0.1", place), timeout=SECONDS)
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(SECONDS)
    one.connect(str(place))
    return one


def ask(
    place: int | Path, method: str, path: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
) -> tuple[int, http.client.HTTPMessage, str]:
    """One request, exactly as told, and its answer: status, headers, text."""
    connection = http.client.HTTPConnection("127.0.0.1", timeout=SECONDS)
    connection.sock = connected(place)
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if not any(name == "Host" for name, _ in headers):
            connection.putheader("Host", f"127.0.0.1:{place}" if isinstance(place, int) else "127.0.0.1")
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        with contextlib.suppress(BrokenPipeError):  # a refusal may come, and the end, before the body is sent
            connection.endheaders(body or None)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def exchange(place: int | Path, sent: bytes, silence_seconds: float = 1.0) -> bytes:
    """Everything that is answered to ``sent`` until the other side closes, or has been silent for a while."""
    with connected(place) as connection:
        answered = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            connection.sendall(sent)
            while piece := connection.recv(65536):
                answered += piece
                connection.settimeout(silence_seconds)
        return answered
