"""A load generator: many keep-alive connections in one thread, on plain sockets and with requests made beforehand.

It runs on the cores of what it measures, so it does as little as it can, and says how much CPU that was.
"""

from __future__ import annotations

import json
import select
import socket
import statistics
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEADERS = (
    b"HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
    b"User-Agent: python-requests/2.32\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
)  # what the official client sends
ANSWER_SECONDS = 60.0

Work = Generator[bytes, bytes, None]  # yields requests, and is sent the bodies of their answers


def request(method: bytes, path: bytes, body: bytes = b"") -> bytes:
    """One request, whole."""
    return method + b" " + path + b" " + HEADERS % (len(body), body)


@dataclass
class Sample:
    """The latencies of one load, in seconds; how long all of it took, and how much CPU."""

    seconds: float = 0.0
    own_cpu_seconds: float = 0.0
    database_cpu_seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    wrong: int = 0
    first_wrong: bytes = b""

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """In milliseconds."""
        if len(self.latencies) < 2:
            return self.latencies[0] * 1000
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1] * 1000


class Connection:
    """One HTTP/1.1 connection."""

    def __init__(self, place: int | Path) -> None:
        """``place``: a port of this machine, or a Unix socket."""
        if isinstance(place, int):
            self.socket = socket.create_connection(("127.0.0.1", place), ANSWER_SECONDS)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(ANSWER_SECONDS)
            self.socket.connect(str(place))
        self._received = b""

    def receive(self) -> bytes | None:
        """Take what has come; the whole answer if it is complete now."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the service closed the connection")
        if self._received:
            data = self._received + data
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            head = data[:end].lower()
            start = head.find(b"content-length: ")
            if start >= 0:
                complete = len(data) >= end + 4 + int(head[start + 16 :].partition(b"\r\n")[0])
            else:
                complete = data.endswith(b"\r\n0\r\n\r\n")
            if complete:
                self._received = b""
                return data
        self._received = data
        return None

    def ask(self, asked: bytes) -> tuple[bytes, float]:
        """The body of the answer, which must be a good one, and the seconds it took."""
        started = time.perf_counter()
        self.socket.sendall(asked)
        while (answer := self.receive()) is None:
            pass
        seconds = time.perf_counter() - started
        if not answer.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(answer.decode())
        return answer.partition(b"\r\n\r\n")[2], seconds

    def close(self) -> None:
        self.socket.close()


@dataclass
class _Asking:
    connection: Connection
    work: Work
    request: bytes
    since: float = 0.0


def load(place: int | Path, works: list[Work], seconds: float) -> Sample:
    """All ``works`` at once, each on a connection of its own, for so long; opening is not counted."""
    sample = Sample()
    poll = select.epoll()
    asking: dict[int, _Asking] = {}
    for work in works:
        connection = Connection(place)
        poll.register(connection.socket, select.EPOLLIN)
        asking[connection.socket.fileno()] = _Asking(connection, work, next(work))
    now = time.perf_counter
    cpu, started = time.process_time(), now()
    for one in asking.values():
        one.since = now()
        one.connection.socket.sendall(one.request)
    until, busy = started + seconds, len(asking)
    while busy:
        ready = poll.poll(ANSWER_SECONDS)
        if not ready:
            raise TimeoutError("the service does not answer")
        for number, _ in ready:
            one = asking[number]
            answer = one.connection.receive()
            if answer is None:
                continue
            arrived = now()
            sample.latencies.append(arrived - one.since)
            if not answer.startswith(b"HTTP/1.1 2"):
                sample.wrong += 1
                sample.first_wrong = sample.first_wrong or answer
            if arrived >= until:
                busy -= 1
                continue
            one.request = one.work.send(answer.partition(b"\r\n\r\n")[2])
            one.since = now()
            one.connection.socket.sendall(one.request)
    sample.seconds, sample.own_cpu_seconds = now() - started, time.process_time() - cpu
    for one in asking.values():
        one.connection.close()
    poll.close()
    return sample


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()
