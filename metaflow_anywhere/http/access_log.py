"""One line per request on standard output, written a few times a second.

What the stack asks itself, every few seconds, would fill the log. It has a line only where the answer was bad.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import TextIO

from metaflow_anywhere.own_questions import NAME

FLUSH_SECONDS = 0.2  # whoever reads our output wakes up this often at most, not once per request


class AccessLog:
    """Writes ``<UTC time> <client> <method> <path> <status> <milliseconds> ms``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []

    def write(
        self, client: str | None, method: str, path: str, status: int, milliseconds: float,
        headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Note one request; its line is on the stream within FLUSH_SECONDS."""
        if status == 200 and method == "GET" and (headers or {}).get("User-Agent") == NAME:
            return
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
