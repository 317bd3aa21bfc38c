"""Programs that tell the change feed of their own commits: has one come or gone, and perhaps left something untold?"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import psycopg

from metaflow_anywhere.database.feed import PUBLISHER
from metaflow_anywhere.database.pool import Pool, Unavailable
from metaflow_anywhere.ui_backend.live.listener import UNNOTICED_SECONDS
from metaflow_anywhere.ui_backend.tables import read

LOOK_SECONDS = 2.0  # how long a page may miss what a killed program committed last
SESSIONS = """
    SELECT pid::text FROM pg_stat_activity WHERE application_name = %(name)s AND datname = current_database()
"""


async def watch(pool: Pool, missed: Callable[[float], None]) -> None:
    """Call ``missed`` with the second since which changes may be untold, whenever there may be any; for ever."""
    known: frozenset[bytes] | None = None
    since = time.time()
    while True:
        now = time.time()
        with contextlib.suppress(Unavailable, psycopg.Error):
            found = frozenset(await read(pool, SESSIONS, {"name": PUBLISHER}))
            if known is not None and found != known:
                missed(since - UNNOTICED_SECONDS)
            known, since = found, now
        await asyncio.sleep(LOOK_SECONDS)
