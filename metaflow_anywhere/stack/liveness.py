"""Whether each program does anything at all: the least that one can do which does not hang.

Less than the questions of ``questions``: a service whose database is away, a database that recovers, and a mirror whose
drive is gone all live, and to restart them would mend nothing.
"""

from __future__ import annotations

import http.client
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from metaflow_anywhere.edge import IDENTITY_PATH, STATUS_PATH
from metaflow_anywhere.stack import asking
from metaflow_anywhere.stack.ports import LOOPBACK
from metaflow_anywhere.stack.stack import Stack

# "Do you speak TLS?", which PostgreSQL answers with one byte before it looks at who asks: also while it starts or
# recovers, and when it has too many clients (https://www.postgresql.org/docs/current/protocol-message-formats.html).
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def silence(stack: Stack, name: str, seconds: float) -> str:
    """Why the program ``name`` counts as silent, when asked with a limit of ``seconds``; empty if it answered."""
    try:
        SIGNS[name](stack, seconds)
    except TimeoutError:
        return f"no answer within {seconds:.0f} s"
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _database(stack: Stack, seconds: float) -> None:
    with socket.socket(socket.AF_UNIX) as asking_socket:
        asking_socket.settimeout(seconds)
        asking_socket.connect(stack.address("database"))
        asking_socket.sendall(SSL_REQUEST)
        if not asking_socket.recv(1):
            raise ConnectionError("the connection was closed")


def _on_socket(path: Path, question: str, seconds: float) -> None:
    asking.get(path, question, seconds)  # whatever the answer is, also an error


def _proxy(stack: Stack, seconds: float) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, stack.settings.port, timeout=seconds)
    try:
        connection.request("GET", IDENTITY_PATH, headers={"Connection": "close"})
        connection.getresponse().read()
    finally:
        connection.close()


SIGNS: dict[str, Callable[[Stack, float], None]] = {
    "database": _database,
    "service": lambda stack, seconds: _on_socket(stack.service_socket, "/ping", seconds),
    "ui": lambda stack, seconds: _on_socket(stack.ui_socket, "/ping", seconds),
    "proxy": _proxy,
    "sync": lambda stack, seconds: _on_socket(stack.status_socket, f"{STATUS_PATH}/ping", seconds),
}
