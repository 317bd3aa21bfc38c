"""Which TCP ports the stack's inner programs listen on where that is asked for (setting ``expose_inner``): the wanted
ones, or others where nobody asked for a number and it is taken."""

from __future__ import annotations

import contextlib
import errno
import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.hints import command
from metaflow_anywhere.later import psutil
from metaflow_anywhere.modes import write_private
from metaflow_anywhere.settings import Settings

LOOPBACK = "127.0.0.1"
LOOPBACK_SECONDS = 2.0  # it answers at once, or never
FLEXIBLE = {"database": "database_port", "service": "metadata_port", "ui": "ui_metadata_port"}


@dataclass(frozen=True)
class Ports:
    """The ports of one stack, all on loopback; None for a program that has none.

    PostgreSQL has a number in any case: it is part of its socket's name.
    """

    database: int
    service: int | None
    ui: int | None


def assign(settings: Settings, record: Path, *, running: bool) -> Ports:
    """The ports of this stack, written to ``record`` so that they stay while it runs and where they can afterwards.

    A port that was asked for is taken or is an error; a default moves aside if something else listens there.
    Without ``expose_inner`` nothing listens, and nothing has to be free.
    """
    known = recorded(record)
    found: dict[str, int | None] = {}
    for name, setting in FLEXIBLE.items():
        wanted = int(getattr(settings, setting))
        before = getattr(known, name) if known else None
        if not settings.expose_inner:
            keep = running and before and settings.is_default(setting)
            found[name] = None if name != "database" else before if keep else wanted
        elif running and before and (before == wanted or settings.is_default(setting)):
            found[name] = before
        elif settings.is_default(setting):
            choices = [port for port in (before, wanted) if port]
            found[name] = next((port for port in choices if is_free(port)), None) or free_port()
        else:
            require_free(wanted, f"{name}, setting {setting}", f"{settings.origins[setting]}")
            found[name] = wanted
    ports = Ports(**found)  # type: ignore[arg-type]  # PostgreSQL has one
    if ports != known:
        half = record.with_name(f".{record.name}.new")
        write_private(half, json.dumps(asdict(ports)))
        half.replace(record)
    return ports


def recorded(record: Path) -> Ports | None:
    """What an earlier ``assign`` wrote, if it can be read."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Ports(**json.loads(record.read_text()))
    return None


def is_free(port: int) -> bool:
    """Whether a server could listen on loopback ``port`` now."""
    return _why_not(port) is None


def _why_not(port: int) -> OSError | None:
    """Why no server could listen on loopback ``port`` now; None if one could."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return error
    return None


def require_loopback() -> None:
    """Raise AnywhereError unless this machine can reach itself over IPv4, as flows and browsers reach the proxy."""
    try:
        with socket.create_server((LOOPBACK, 0)) as server:
            server.settimeout(LOOPBACK_SECONDS)
            socket.create_connection(server.getsockname()[:2], LOOPBACK_SECONDS).close()
    except OSError as error:
        raise AnywhereError(
            f"this machine cannot reach itself at {LOOPBACK}",
            why=f"{reason(error)}: its loopback interface is down, or has no IPv4 address",
            run=f"ip link set lo up; ip address replace {LOOPBACK}/8 dev lo   (as root), and then: {command('up')}",
        ) from error


def free_port() -> int:
    """Some loopback port that nobody uses at this moment."""
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def require_free(port: int, whose: str, origin: str = "") -> None:
    """Raise AnywhereError, naming who listens there, unless ``port`` is free."""
    why_not = _why_not(port)
    if why_not is None:
        return
    if why_not.errno != errno.EADDRINUSE:
        raise AnywhereError(
            f"port {port} cannot be used ({whose})",
            why=f"{reason(why_not)}{'; ports below 1024 are for root' if port < 1024 else ''}"
            f"{f'; the port comes from {origin}' if origin else ''}",
            run=command("up", port=free_port()) if whose.startswith("proxy") else "",
        )
    holder = holder_of(port)
    raise AnywhereError(
        f"port {port} is taken ({whose})",
        why=f"{holder or 'another program'} listens on it{f'; the port comes from {origin}' if origin else ''}",
        run=command("up", port=free_port()) if whose.startswith("proxy") else "",
    )


def listens(pid: int | None, port: int) -> bool:
    """Whether it is the process ``pid`` that listens on ``port``."""
    if pid is None or is_free(port):
        return False
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)  # the connections of all processes would cost many times as much
        connections = process.net_connections if hasattr(process, "net_connections") else process.connections
        for one in connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port:
                return True
    return False


def holder_of(port: int) -> str | None:
    """The program that listens on loopback ``port``, as far as we may know it."""
    with contextlib.suppress(psutil.Error):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f"{psutil.Process(one.pid).name()} (process {one.pid})"
    return None
