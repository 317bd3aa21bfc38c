"""The whole of live updates: the listener feeds what is pending, and what is pending is read and published.

While one round of reading and publishing is under way, changes gather for the next, each row once. So a single change
is told at once, and a burst of a hundred thousand costs a few rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

import psycopg
from aiohttp import web

from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.feed import METADATA_FIELDS, Change
from metaflow_anywhere.database.pool import Pool, Unavailable
from metaflow_anywhere.database.run_status import OVERDUE_SECONDS
from metaflow_anywhere.ui_backend.graph import Graphs
from metaflow_anywhere.ui_backend.live import listener, publishers, socket
from metaflow_anywhere.ui_backend.live.events import UPDATE, Pending, Reader, Run, run_base
from metaflow_anywhere.ui_backend.live.hub import MANY, Client, Event, Hub, Subscription
from metaflow_anywhere.ui_backend.live.silence import Silence
from metaflow_anywhere.ui_backend.server import Problem
from metaflow_anywhere.ui_backend.tables import read

UNAVAILABLE_SECONDS = 0.5  # between two tries while there is no database, at first ...
LONGEST_UNAVAILABLE_SECONDS = 4.0  # ... and at last
CATCH_UP_SECONDS = 86_400.0  # how far back is read at all: a browser that slept over night
CATCH_UP_ROWS = 20_000  # of each table
CATCH_UP_PAUSE_SECONDS = 1.0  # between two readings, whoever asks for them how often
LATER = (Unavailable, psycopg.OperationalError, psycopg.InterfaceError)  # these pass, others do not
GATHERING_SECONDS = 0.1  # a browser that returns sends its subscriptions one after the other
LATE_SECONDS = OVERDUE_SECONDS + 2  # after a failure: if its client has gone since, the run has failed too

# What was written since a moment, of the flows that are watched, in the words of the change feed; and the runs that may
# have failed since then because nothing was heard of them.
_NEWEST = f"ORDER BY ts_epoch DESC LIMIT {CATCH_UP_ROWS})"
MISSED = f"""
    (SELECT json_build_object('table', 'runs_v3', 'operation', 'UPDATE',
            'row', json_build_object('flow_id', flow_id, 'run_number', run_number))::text
        FROM runs_v3 WHERE ts_epoch >= %(since)s::bigint OR last_heartbeat_ts >= %(silent)s::bigint {_NEWEST}
    UNION ALL (SELECT json_build_object('table', 'flows_v3', 'operation', 'INSERT',
            'row', json_build_object('flow_id', flow_id))::text
        FROM flows_v3 WHERE ts_epoch >= %(since)s::bigint {_NEWEST}
    UNION ALL (SELECT json_build_object('table', 'steps_v3', 'operation', 'INSERT', 'row', json_build_object(
            'flow_id', flow_id, 'run_number', run_number, 'step_name', step_name))::text
        FROM steps_v3 WHERE flow_id = ANY (%(flows)s::text[]) AND ts_epoch >= %(since)s::bigint {_NEWEST}
    UNION ALL (SELECT json_build_object('table', 'tasks_v3', 'operation', 'INSERT', 'row', json_build_object(
            'flow_id', flow_id, 'run_number', run_number, 'step_name', step_name, 'task_id', task_id))::text
        FROM tasks_v3 WHERE flow_id = ANY (%(flows)s::text[]) AND ts_epoch >= %(since)s::bigint {_NEWEST}
    UNION ALL (SELECT json_build_object('table', 'metadata_v3', 'operation', 'INSERT', 'row', json_build_object(
            'flow_id', flow_id, 'run_number', run_number, 'step_name', step_name, 'task_id', task_id, 'id', id,
            'field_name', field_name))::text
        FROM metadata_v3 WHERE flow_id = ANY (%(flows)s::text[]) AND ts_epoch >= %(since)s::bigint
            AND field_name = ANY (%(fields)s::text[]) {_NEWEST}
"""

log = logging.getLogger(__name__)


class Live:
    """Live updates of one process."""

    def __init__(self, conninfo: str, pool: Pool, cutoffs: Cutoffs, graphs: Graphs, replay_seconds: float) -> None:
        self._conninfo = conninfo
        self._pool = pool
        self._cutoffs = cutoffs
        self._graphs = graphs
        self._reader = Reader(pool, cutoffs)
        self._silence = Silence(pool, cutoffs)
        self._pending = Pending()
        self._some = asyncio.Event()
        self._late: dict[Run, asyncio.TimerHandle] = {}
        self._behind: float | None = None  # since when what was written is yet to be read
        self._catching_up: asyncio.Future[None] | None = None
        self.hub = Hub(replay_seconds)

    def routes(self) -> list[web.RouteDef]:
        """The socket."""
        return [web.get("/ws", socket.handler(self.hub, self._subscribed))]

    async def run(self, app: web.Application) -> AsyncIterator[None]:
        """Work for as long as the program runs."""
        tasks: list[asyncio.Future[None]] = [
            asyncio.create_task(listener.listen(self._conninfo, self._changed, self._missed)),
            asyncio.create_task(self._publish()),
            asyncio.create_task(self._watch()),
            asyncio.create_task(publishers.watch(self._pool, self._missed)),
        ]
        yield
        for task in (ending := [*tasks, *filter(None, [self._catching_up])]):
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def close(self, app: web.Application) -> None:
        """Have all sockets closed: the program ends."""
        for client in self.hub.clients:
            client.lost.set()

    def _changed(self, change: Change) -> None:
        """Note what somebody may be interested in."""
        watched = self.hub.watched
        if not watched or not change.rows:
            return
        everything = watched.any_of(MANY)
        wanted = [row for row in change.rows if everything or watched.flow(row["flow_id"])]
        if not wanted:
            return
        for row in wanted:
            inside = watched.flow(row["flow_id"])
            self._pending.add(Change(change.table, change.operation, [row]), inside=inside)
        self._some.set()
        if change.table == "metadata_v3":
            for row in wanted:
                if row["field_name"] == "attempt_ok":
                    run = row["flow_id"], row["run_number"]
                    if (planned := self._late.pop(run, None)) is not None:
                        planned.cancel()
                    self._late[run] = asyncio.get_running_loop().call_later(LATE_SECONDS, self._look_again, run)

    def _look_again(self, run: Run) -> None:
        del self._late[run]
        self._pending.runs.setdefault(run, UPDATE)
        self._some.set()

    def _missed(self, since: float) -> None:
        """Changes since then may be missing: read them, all who miss some together."""
        since = max(since, time.time() - CATCH_UP_SECONDS)
        self._behind = since if self._behind is None else min(self._behind, since)
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = asyncio.ensure_future(self._catch_up())

    async def _catch_up(self) -> None:
        pause = UNAVAILABLE_SECONDS
        while self._behind is not None and self.hub.watched:
            await asyncio.sleep(GATHERING_SECONDS)
            since, self._behind = self._behind, None
            keys = {
                "since": int(since * 1000),
                "silent": int(since - self._cutoffs.run_seconds),
                "flows": self.hub.watched.flows,
                "fields": sorted(METADATA_FIELDS),
            }
            try:
                found = await read(self._pool, MISSED, keys)
            except LATER:
                self._behind = min(since, self._behind or since)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_UNAVAILABLE_SECONDS)
                continue
            except (psycopg.Error, UnicodeError) as error:
                log.warning("what was missed cannot be read: %s", str(error).strip().partition("\n")[0])
                break
            for document in map(socket.parse, found):
                if document is not None:
                    self._changed(Change(document["table"], document["operation"], [document["row"]]))
            pause = UNAVAILABLE_SECONDS
            await asyncio.sleep(CATCH_UP_PAUSE_SECONDS)
        self._behind = None

    def _subscribed(self, client: Client, subscription: Subscription, since: float) -> None:
        """Tell a returning client what it missed: from memory, or from the database where that does not reach."""
        if not self.hub.remembers(subscription.wanted.path, since):
            self._missed(since)
        self.hub.replay(client, subscription, since)

    async def _publish(self) -> None:
        pause = UNAVAILABLE_SECONDS
        while True:
            await self._some.wait()
            self._some.clear()
            pending, self._pending = self._pending, Pending()
            try:
                async for events in self._rounds(pending):
                    for event in events:
                        self.hub.publish(event)
                        await self.hub.pace()
                pause = UNAVAILABLE_SECONDS
            except LATER as error:
                log.warning("changes are published later: %s", str(error).strip().partition("\n")[0])
                await asyncio.sleep(pause)
                self._missed(time.time() - pause - listener.UNNOTICED_SECONDS)
                pause = min(2 * pause, LONGEST_UNAVAILABLE_SECONDS)
            except Exception:
                log.exception("some changes were not published")

    async def _rounds(self, pending: Pending) -> AsyncIterator[list[Event]]:
        if pending.flows:
            yield await self._reader.flows(pending.flows)
        steps = {}
        for run, changed in pending.steps.items():
            steps[run] = await self._reader.steps(run, changed)
            yield steps[run]
        for run in {**pending.tasks, **pending.metadata}:
            async for events in self._reader.tasks(run, pending.tasks.get(run, {}), pending.metadata.get(run, ())):
                yield events
        if pending.runs:
            yield await self._reader.runs(pending.runs)
        for run, events in steps.items():  # last: they may have to be decoded
            yield await self._parameters(run, events)

    async def _parameters(self, run: Run, steps: list[Event]) -> list[Event]:
        """A run's parameters are there once it has a step; they are decoded only for those who watch them."""
        paths = tuple(f"{base}/parameters" for step in steps[:1] for base in run_base(step.row))
        if not self.hub.watched.any_of(paths):
            return []
        where = {"flow": run[0], "run_number": str(run[1]), "run_id": None}
        with contextlib.suppress(Problem):
            data = await self._graphs.parameters(self._pool, where)
            return [Event(UPDATE, paths, {}, data)]
        return []

    async def _watch(self) -> None:
        async for runs, tasks in self._silence.changes(self.hub):
            for run in runs:
                self._pending.runs.setdefault(run, UPDATE)
            with contextlib.suppress(Unavailable, psycopg.Error):
                for run, numbers in tasks.items():
                    for event in await self._reader.stopped(run, numbers):
                        self.hub.publish(event)
            if runs:
                self._some.set()
