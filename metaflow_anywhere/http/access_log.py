"""One line per request on standard output, written a few times a second."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TextIO

FLUSH_SECONDS = 0.2  # whoever reads our output wakes up this often at most, not once per request


class AccessLog:
    """Writes ``<UTC time> <client> <method> <path> <status> <milliseconds> ms``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []

    def write(self, client: str | None, method: str, path: str, status: int, milliseconds: float) -> None:
        """Note one request; its line is on the stream within FLUSH_SECONDS."""
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._lines.append(
            f"{stamp}.{int(now * 1000) % 1000:03d}Z {client or '-'} {method} {path} {status} {milliseconds:.1f} ms\n"
        )

    def flush(self) -> None:
        """Write what was noted. A reader that has gone away is no reason to stop serving."""
        lines, self._lines = self._lines, []
        with contextlib.suppress(OSError, ValueError):
            self._stream.write("".join(lines))
            self._stream.flush()
