"""A load generator: many keep-alive connections in one process, as little work per request as Python allows."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

HEADERS = (
    "Host: bench\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
    "User-Agent: python-requests/2.32\r\nContent-Type: application/json\r\n"
)  # what the official client sends


@dataclass
class Sample:
    """The latencies of one kind of load, in seconds, and how long all of it took."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    wrong: int = 0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """In milliseconds."""
        if len(self.latencies) < 2:
            return self.latencies[0] * 1000
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1] * 1000


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection; `ask` times each request into the sample."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._received = bytearray()
        self._answered: asyncio.Future[bytes] | None = None
        self._transport: Any = None

    @classmethod
    async def open(cls, host: str, port: int, sample: Sample) -> Connection:
        _, protocol = await asyncio.get_running_loop().create_connection(lambda: cls(sample), host, port)
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionError("the service closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4 or self._answered is None:
            return
        head = self._received[:end].lower()
        if b"transfer-encoding: chunked" in head:
            complete = self._received.endswith(b"\r\n0\r\n\r\n")
        else:
            length = head.split(b"content-length:")[1].split(b"\r\n")[0]
            complete = len(self._received) >= end + int(length)
        if complete:
            self._answered.set_result(bytes(self._received))
            self._received.clear()

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The answer's body; a chunked one (a long list) with the marks of its chunks."""
        started = time.perf_counter()
        self._answered = asyncio.get_running_loop().create_future()
        request = f"{method} {path} HTTP/1.1\r\n{HEADERS}Content-Length: {len(body)}\r\n\r\n"
        self._transport.write(request.encode() + body)
        answer = await self._answered
        self._sample.latencies.append(time.perf_counter() - started)
        self._sample.wrong += not answer.startswith(b"HTTP/1.1 2")
        return answer.partition(b"\r\n\r\n")[2]

    def close(self) -> None:
        self._transport.close()


async def load(host: str, port: int, connections: int, work: Callable[[Connection, int], Awaitable[None]]) -> Sample:
    """``work`` on each of so many connections at once; opening them is not counted."""
    sample = Sample()
    opened = [await Connection.open(host, port, sample) for _ in range(connections)]
    started = time.perf_counter()
    await asyncio.gather(*(work(connection, number) for number, connection in enumerate(opened)))
    sample.seconds = time.perf_counter() - started
    for connection in opened:
        connection.close()
    return sample


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()
