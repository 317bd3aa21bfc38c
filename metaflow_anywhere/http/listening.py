"""Where a program listens, and under which path."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

from metaflow_anywhere.database.settings import SettingsError

BACKLOG = 1024  # connections that wait to be taken; a foreach of hundreds of tasks begins all at once


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 picks a free one. Raises SettingsError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise SettingsError(f"cannot listen on {host} port {port}: {_reason(error)}") from None


def listen_unix(path: Path) -> socket.socket:
    """A listening Unix socket that only its owner may open, in the place of one left behind. Raises SettingsError.

    It appears under its name when it is ready and closed to others, never before.
    """
    half = path.with_name(f".{path.name}.new")
    listening = socket.socket(socket.AF_UNIX)
    try:
        half.unlink(missing_ok=True)
        listening.bind(str(half))
        half.chmod(0o600)
        listening.listen(BACKLOG)
        half.replace(path)
    except OSError as error:
        listening.close()
        raise SettingsError(f"cannot listen on {path}: {_reason(error)}") from None
    return listening


def listen_all(host: str, port: int, unix: Path | None, *, tcp: bool) -> list[socket.socket]:
    """The Unix socket ``unix``, if there is one, and the TCP port if ``tcp`` or without that. Raises SettingsError."""
    found = [listen_unix(unix)] if unix else []
    return [*found, listen(host, port)] if tcp or not unix else found


async def serve_on(runner: web.BaseRunner, listening: Iterable[socket.socket]) -> None:
    """Answer on each of ``listening``."""
    for one in listening:
        await web.SockSite(runner, one, backlog=BACKLOG).start()  # which would otherwise shorten its queue to 128


def address(listening: socket.socket, prefix: str) -> str:
    """What is told of where a program listens."""
    if listening.family == socket.AF_UNIX:
        return f"a Unix socket{f', path {prefix}' if prefix else ''}"
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{prefix}"


def path_prefix(text: str) -> str:
    """``PATH_PREFIX`` with one leading and no trailing slash, or empty. Raises SettingsError."""
    if any(character in text for character in "{}?#% "):
        raise SettingsError(f"PATH_PREFIX is {text!r}, and must be a plain path such as /metadata")
    stripped = text.strip("/")
    return f"/{stripped}" if stripped else ""


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number and number > 0 else str(error)
