"""PostgreSQL's notifications, on a connection of their own that comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

import psycopg
from psycopg import AsyncConnection

from metaflow_anywhere.database.feed import CHANNEL, Change, parse_payload

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
CONNECT_SECONDS = 3
UNNOTICED_SECONDS = 5.0  # how long a lost connection may have gone unnoticed where the server said no farewell
KEEPALIVES = "keepalives_idle=30 keepalives_interval=10 keepalives_count=3"

log = logging.getLogger(__name__)


async def listen(conninfo: str, changed: Callable[[Change], None], connected: Callable[[float], None]) -> None:
    """Call ``changed`` with every change, for ever.

    After every connection but the first ``connected`` is called with the second since which changes may be missing.
    """
    settings = f"{conninfo} connect_timeout={CONNECT_SECONDS} {KEEPALIVES}"
    pause = FIRST_PAUSE_SECONDS
    since: float | None = None  # when it was last certain that nothing is missing
    while True:
        try:
            async with await AsyncConnection.connect(settings, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                log.info("listening for changes in the database")
                if since is not None:
                    connected(since)
                since, pause = None, FIRST_PAUSE_SECONDS
                async for notification in connection.notifies():
                    with contextlib.suppress(ValueError):
                        changed(parse_payload(notification.payload))
        except (psycopg.Error, OSError) as error:
            lost = time.time() - UNNOTICED_SECONDS
            log.warning("not listening for changes: %s; trying again", str(error).strip().partition("\n")[0])
            since = min(since or lost, lost)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
