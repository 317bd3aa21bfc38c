"""Where a program listens, under which path and names, and how it does so until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import web

from metaflow_anywhere.database.settings import SettingsError, whole_number

BACKLOG = 1024  # connections that wait to be taken; a foreach of hundreds of tasks begins all at once


@dataclass(frozen=True)
class Place:
    """Where a program listens: the socket ``unix``, host and port if ``tcp``; under ``prefix``, asked by ``hosts``."""

    host: str
    port: int
    unix: Path | None
    tcp: bool
    prefix: str
    hosts: tuple[str, ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], name: str, port: int) -> Place:
        """Read ``<name>_HOST``, ``_PORT`` (``port`` without it), ``_SOCKET``, ``PATH_PREFIX``, ``MF_ALLOWED_HOSTS``.

        Raises SettingsError.
        """
        unix = environment.get(f"{name}_SOCKET")
        return cls(
            host=environment.get(f"{name}_HOST") or "127.0.0.1",
            port=whole_number(environment, f"{name}_PORT", default=port, low=0, high=65535),
            unix=Path(unix) if unix else None,
            tcp=not unix,
            prefix=path_prefix(environment.get("PATH_PREFIX", "")),
            hosts=tuple(environment.get("MF_ALLOWED_HOSTS", "").lower().split()),
        )

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        """What the command line may say in the environment's place."""
        parser.add_argument("--host", help="the address to listen on")
        parser.add_argument("--port", type=int, help="the port to listen on; 0 picks a free one")
        parser.add_argument("--socket", help="the Unix socket to listen on; a port only if one is given as well")

    def at(self, options: argparse.Namespace) -> Place:
        """The same with what ``options`` say; a socket and a port are both kept."""
        return replace(
            self,
            host=options.host or self.host,
            port=self.port if options.port is None else options.port,
            unix=Path(options.socket) if options.socket else self.unix,
            tcp=options.port is not None or options.host is not None or (self.tcp and not options.socket),
        )

    def listen(self) -> list[socket.socket]:
        """Listen on all of it. Raises SettingsError."""
        found = [listen_unix(self.unix)] if self.unix else []
        return [*found, listen(self.host, self.port)] if self.tcp or not self.unix else found


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


async def serve_on(runner: web.BaseRunner, listening: Iterable[socket.socket]) -> None:
    """Answer on each of ``listening``."""
    for one in listening:
        await web.SockSite(runner, one, backlog=BACKLOG).start()  # which would otherwise shorten its queue to 128


async def serve_until_stopped(runner: web.BaseRunner, listening: Sequence[socket.socket], prefix: str) -> None:
    """Answer on all of ``listening`` until SIGTERM or SIGINT; what is under way then is given the runner's time."""
    await runner.setup()
    await serve_on(runner, listening)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    for one in listening:
        logging.info("listening on %s", address(one, prefix))
    await stopping.wait()
    await runner.cleanup()


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
