"""Asks an HTTP program on this machine, over a Unix socket or loopback; no HTTP proxy of the environment is asked."""

from __future__ import annotations

import http.client
import socket
import urllib.parse
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from metaflow_anywhere.own_questions import NAME


@dataclass(frozen=True)
class Answer:
    """What a program answered."""

    status: int
    headers: Message
    text: str


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection over the Unix socket ``path``; ``seconds`` is how long each step may take."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        """Over the socket, in the place of TCP."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def get(socket_path: Path, path: str, seconds: float) -> Answer:
    """The answer to a GET. Raises OSError, http.client.HTTPException."""
    return _get(UnixConnection(socket_path, seconds), path)


def get_url(url: str, seconds: float) -> Answer:
    """The same of a plain http:// URL."""
    parts = urllib.parse.urlsplit(url)
    return _get(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds), parts.path or "/")


def _get(connection: http.client.HTTPConnection, path: str) -> Answer:
    try:
        connection.request("GET", path, headers={"Connection": "close", "User-Agent": NAME})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode("utf-8", "replace"))
    finally:
        connection.close()
