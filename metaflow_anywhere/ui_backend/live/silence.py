"""Runs and tasks that fall silent: nothing is written when a heartbeat does not come, so somebody has to look."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import psycopg

from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.pool import Pool, Unavailable
from metaflow_anywhere.database.run_status import NOW_SECONDS
from metaflow_anywhere.ui_backend.live.events import Run
from metaflow_anywhere.ui_backend.live.hub import Hub
from metaflow_anywhere.ui_backend.rows import runs
from metaflow_anywhere.ui_backend.tables import read

LONGEST_PAUSE_SECONDS = 10.0


class Silence:
    """Looks, for as long as anybody watches, for what has become failed without a word."""

    def __init__(self, pool: Pool, cutoffs: Cutoffs) -> None:
        self._pool = pool
        self.pause_seconds = min(LONGEST_PAUSE_SECONDS, cutoffs.task_seconds / 6, cutoffs.run_seconds / 6)
        margin = 3 * self.pause_seconds  # so that none slips through between two looks
        self._runs = runs(cutoffs, f"last_heartbeat_ts >= {NOW_SECONDS} - {cutoffs.run_seconds + margin}").one()
        self._tasks = f"""
            SELECT json_build_array(flow_id, run_number, task_id)::text FROM tasks_v3
            WHERE flow_id = ANY (%(flows)s::text[])
                AND last_heartbeat_ts BETWEEN {NOW_SECONDS} - {cutoffs.task_seconds + margin}
                    AND {NOW_SECONDS} - {cutoffs.task_seconds}
        """
        self._known: dict[Run, str] = {}
        self._told: dict[Run, set[int]] = {}

    async def changes(self, hub: Hub) -> AsyncIterator[tuple[list[Run], dict[Run, set[int]]]]:
        """Runs whose status is another than it was, and tasks whose heart has stopped, for ever."""
        while True:
            await asyncio.sleep(self.pause_seconds)
            if not hub.watched:
                self._known = {}
                continue
            with contextlib.suppress(Unavailable, psycopg.Error):
                yield await self._runs_changed(), await self._tasks_stopped(hub.watched.flows)

    async def _runs_changed(self) -> list[Run]:
        rows = [json.loads(document) for document in await read(self._pool, self._runs, {})]
        now = {(row["flow_id"], row["run_number"]): row["status"] for row in rows}
        changed = [run for run, status in now.items() if self._known.get(run, status) != status]
        self._known = now
        return changed

    async def _tasks_stopped(self, flows: list[str]) -> dict[Run, set[int]]:
        """Each is told once, when it is seen first."""
        found: dict[Run, set[int]] = {}
        if flows:
            for document in await read(self._pool, self._tasks, {"flows": flows}):
                flow, run, task = json.loads(document)
                found.setdefault((flow, run), set()).add(task)
        fresh = {run: tasks - self._told.get(run, set()) for run, tasks in found.items()}
        self._told = found
        return {run: tasks for run, tasks in fresh.items() if tasks}
