"""The search socket: which tasks of a run have an artifact, or a place in a foreach, of a name and a value."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
from aiohttp import web
from psycopg.adapt import Transformer
from psycopg.pq import Format

from metaflow_anywhere.database.pool import Unavailable
from metaflow_anywhere.http.peers import client
from metaflow_anywhere.http.turns import Turns
from metaflow_anywhere.ui_backend.decoding import Decoder
from metaflow_anywhere.ui_backend.resources import POOL, RUN, load
from metaflow_anywhere.ui_backend.tables import IN_RUN, address, read
from metaflow_anywhere.ui_backend.tables import RUN as THE_RUN

ARTIFACT, FOREACH = "ARTIFACT", "FOREACH_VARIABLE"
AT_ONCE = 100  # artifacts between two reports of progress
SEARCHES_AT_ONCE = 4  # and one of each client: a search in a run of 100,000 tasks holds tens of megabytes
TURN_SECONDS = 60.0
LARGEST_MESSAGE_BYTES = 1024  # of a client's, which has nothing to say
LARGEST_ARTIFACT_BYTES = 2**20  # compressed

_IDS = "coalesce(run_id, run_number::text) AS run, step_name, coalesce(task_name, task_id::text) AS task"
ARTIFACTS = f"""
    WITH {THE_RUN} SELECT row_to_json(x)::text FROM (
        SELECT DISTINCT ON (task_id) flow_id, {_IDS}, ds_type, sha, task_id FROM artifact_v3
        WHERE {IN_RUN} AND name = %(key)s ORDER BY task_id, attempt_id DESC
    ) AS x
"""
FOREACHES = f"""
    WITH {THE_RUN} SELECT row_to_json(x)::text FROM (
        SELECT DISTINCT ON (task_id) flow_id, {_IDS}, value, task_id FROM metadata_v3
        WHERE {IN_RUN} AND field_name = 'foreach-stack' ORDER BY task_id, id DESC
    ) AS x
"""

Event = dict[str, Any]
Match = dict[str, Any]

TEXT_ARRAY = psycopg.adapters.types["text"].array_oid


class Search:
    """Searches in artifacts of ``decoder``'s datastore."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._turns = Turns(SEARCHES_AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        """Both paths that clients know."""
        return [web.get(f"/search{RUN}", self._answer), web.get(f"{RUN}/search", self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=30.0, max_msg_size=LARGEST_MESSAGE_BYTES)
        await socket.prepare(request)
        working = asyncio.create_task(self._send(socket, request))
        with contextlib.suppress(asyncio.CancelledError):
            async for _ in socket:  # until it is closed, by whomever
                pass
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return socket

    async def _send(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        try:
            async with self._turns.of(client(request), TURN_SECONDS):
                async for event in self._events(request):
                    await socket.send_json({"event": event})
        except asyncio.TimeoutError:
            await socket.send_json(_error("search-busy", "other searches took too long; try again"))
        except (Unavailable, psycopg.Error):
            await socket.send_json(_error("database-unavailable", "the database does not answer"))
        except ConnectionError:
            return
        await socket.close()

    async def _events(self, request: web.Request) -> AsyncIterator[Event]:
        key = request.query.get("key", "")
        if not key:
            yield _error("search-key-missing", "the query has no key")["event"]
            return
        found: list[Match] = []
        for scope in request.query.get("scope", ARTIFACT).split(","):
            if scope == ARTIFACT:
                async for event in self._artifacts(request, key):
                    if event["type"] == "result":
                        found = _united(found, event["matches"])
                        event["matches"] = found
                    yield event
            elif scope == FOREACH:
                rows = load(await read(request.app[POOL], FOREACHES, address(request.match_info)))
                found = _united(found, list(_foreach_matches(rows, key, request.query.get("value"))))
                yield {"type": "result", "matches": found}

    async def _artifacts(self, request: web.Request, key: str) -> AsyncIterator[Event]:
        wanted = request.query.get("value")
        # Kept as they came, a fraction of the objects that are made of them a batch at a time.
        rows = await read(request.app[POOL], ARTIFACTS, {**address(request.match_info), "key": key})
        matches = [] if wanted else [_match(row, searchable=True) for row in load(rows)]
        if wanted:
            again = request.query.get("invalidate") == "true"
            for start in range(0, len(rows), AT_ONCE):
                batch = load(rows[start : start + AT_ONCE])
                yield {"type": "progress", "fraction": start / len(rows)}
                values = await self._decoder.values(
                    batch, max_bytes=LARGEST_ARTIFACT_BYTES, again=again, client=client(request)
                )
                for row, value in zip(batch, values, strict=True):
                    if value.error:
                        error = {"id": value.name, "detail": f"cannot be searched, because {value.error}"}
                        matches.append(_match(row, searchable=False, error={**error, "traceback": ""}))
                    elif _is_like(value.text, wanted):
                        matches.append(_match(row, searchable=True))
        yield {"type": "progress", "fraction": 1}
        yield {"type": "result", "matches": matches}


def _united(before: list[Match], now: list[Match]) -> list[Match]:
    """All matches of the scopes so far, each task once: a page shows the last result that it was sent."""
    found = {(match["step_name"], match["task_id"]): match for match in before}
    for match in now:
        task = match["step_name"], match["task_id"]
        known = found.get(task)
        found[task] = match if known is None or match["searchable"] else known
    return list(found.values())


def _foreach_matches(rows: list[dict[str, Any]], key: str, value: str | None) -> Iterator[Match]:
    """The rows in whose stack, such as ``{rows=3,columns=1}``, ``key`` or ``key=value`` is."""
    name, equals, after = key.partition("=")
    wanted = value if value else after if equals else None
    for row in rows:
        frames = [frame.partition("=") for frame in _frames(row["value"])]
        if any(variable == name and (not wanted or _is_like(item, wanted)) for variable, _, item in frames):
            yield {**_match(row, searchable=True), "value": row["value"]}


def _frames(stack: str) -> list[str]:
    """The frames of a foreach stack, which is stored as PostgreSQL writes an array of texts."""
    try:
        found = Transformer().get_loader(TEXT_ARRAY, Format.TEXT).load(stack.encode())
    except psycopg.DataError:  # written by another program
        return [stack]
    return [frame for frame in found if isinstance(frame, str)]


def _is_like(text: str, wanted: str) -> bool:
    """In double quotes: the whole, whatever the case; else a part of it."""
    if len(wanted) > 1 and wanted[0] == wanted[-1] == '"':
        return text.lower() == wanted[1:-1].lower()
    return wanted in text


def _match(row: dict[str, Any], *, searchable: bool, error: dict[str, str] | None = None) -> Match:
    return {
        "flow_id": row["flow_id"],
        "run_number": row["run"],
        "step_name": row["step_name"],
        "task_id": row["task"],
        "searchable": searchable,
        "error": error,
    }


def _error(name: str, message: str) -> dict[str, Event]:
    return {"event": {"type": "error", "message": message, "id": name, "traceback": ""}}
