"""Tells the change feed what this process has committed: after the commit, and many changes in one transaction.

A transaction that notifies holds a lock of the whole database until its WAL is on disk, so writers with triggers wait
for each other's disk (measured at 8 connections: two thirds of their time, on a slow day of the disk). A transaction
that does nothing but notify waits for no disk.

What was committed and not yet told is lost with the process, or with the connection. Readers see that this session came
or went, and read what they may have missed (ui_backend/live).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator

import psycopg
from psycopg.conninfo import make_conninfo

from metaflow_anywhere.database.connection import Connection
from metaflow_anywhere.database.feed import CHANNEL, PUBLISHER, Operation

GATHER_SECONDS = 0.005  # after telling: a burst is told in 200 transactions a second, a single change at once
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
CONNECT_SECONDS = 3
UNHEARD_MILLISECONDS = 10_000  # a server that takes nothing for so long is lost, and the session with it
LAST_SECONDS = 0.5  # for what is untold when the program ends
PAYLOAD_BYTES = 4000  # and one row more, which is 3300 bytes at the very most; a payload has 8000
UNTOLD_ROWS = 10_000  # while there is no connection; whoever listened has lost its own, and will read what it missed
# As the triggers do: with the queue half full, because somebody does not listen, nothing is added.
TELL = """
    SELECT pg_notify(%(channel)s, payload) FROM json_array_elements_text(%(payloads)s::json) AS payload
    WHERE pg_notification_queue_usage() <= 0.5
"""

log = logging.getLogger(__name__)


class Publisher:
    """The one who tells; `run` must be running."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = make_conninfo(
            conninfo,
            connect_timeout=CONNECT_SECONDS,
            tcp_user_timeout=UNHEARD_MILLISECONDS,
            application_name=PUBLISHER,
        )
        self._untold: dict[tuple[str, Operation], list[str]] = {}
        self._count = 0
        self._some = asyncio.Event()
        self._all_told = asyncio.Event()
        self._all_told.set()

    def tell(self, table: str, operation: Operation, keys: bytes | None) -> None:
        """Note what was committed: the JSON objects of the rows' keys, with commas between; None for no row."""
        if keys is None or self._count >= UNTOLD_ROWS:
            return
        self._untold.setdefault((table, operation), []).append(keys.decode())
        self._count += 1
        self._some.set()
        self._all_told.clear()

    async def run(self) -> None:
        """Tell what is noted, for ever; a connection that is lost comes back by itself."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async with await Connection.connect(self._conninfo, autocommit=True) as connection:
                    pause = FIRST_PAUSE_SECONDS
                    try:
                        await self._tell_all(connection)
                    finally:
                        connection.unwatch()
            except (psycopg.Error, OSError) as error:
                log.warning("changes are not told: %s; trying again", str(error).strip().partition("\n")[0])
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def close(self) -> None:
        """Wait a moment for what is not yet told: the program ends."""
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(self._all_told.wait(), LAST_SECONDS)

    async def _tell_all(self, connection: Connection) -> None:
        while True:
            await self._some.wait()
            untold, self._untold, self._count = self._untold, {}, 0
            self._some.clear()
            await connection.fetch(TELL, {"channel": CHANNEL, "payloads": json.dumps(list(_payloads(untold)))})
            if not self._untold:
                self._all_told.set()
            await asyncio.sleep(GATHER_SECONDS)


def _payloads(untold: dict[tuple[str, Operation], list[str]]) -> Iterator[str]:
    """The changes in as few payloads as they fit in, in the form of ``sql/``."""
    for (table, operation), rows in untold.items():
        opening = f'{{"table":"{table}","operation":"{operation}","rows":['
        part: list[str] = []
        size = 0
        for row in rows:
            part.append(row)
            size += len(row.encode())
            if size >= PAYLOAD_BYTES:
                yield opening + ",".join(part) + "]}"
                part, size = [], 0
        if part:
            yield opening + ",".join(part) + "]}"
