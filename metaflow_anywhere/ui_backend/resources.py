"""Rows over HTTP: which table answers which path, as a list or as one row."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from aiohttp import web
from psycopg import sql

from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.ui_backend import asked, attempts, rows
from metaflow_anywhere.ui_backend.asked import Order
from metaflow_anywhere.ui_backend.envelope import many, one
from metaflow_anywhere.ui_backend.tables import Table, address, read

Handler = Callable[[web.Request], Awaitable[web.Response]]
Postprocess = Callable[[list[bytes], web.Request], Awaitable[list[bytes]]]

POOL = web.AppKey("pool", Pool)

FLOW = "/flows/{flow}"
RUN = FLOW + "/runs/{run}"
STEP = RUN + "/steps/{step}"
TASK = STEP + "/tasks/{task}"


def routes(cutoffs: Cutoffs, label: Postprocess, show: Postprocess) -> list[web.RouteDef]:
    """All paths that answer with rows. ``label`` completes attempts and ``show`` artifacts, where that is asked for."""
    task = attempts.tasks(cutoffs, attempts.THIS_TASK)
    of_task = replace(task, order=(Order("attempt_id", descending=True),))
    return [
        web.get("/flows", listing(rows.FLOWS)),
        web.get(FLOW, single(rows.FLOWS, rows.THIS_FLOW)),
        web.get("/runs", listing(rows.runs(cutoffs))),
        web.get(f"{FLOW}/runs", listing(rows.runs(cutoffs, rows.THIS_FLOW))),
        web.get(RUN, single(rows.runs(cutoffs, rows.THIS_RUN))),
        web.get(f"{RUN}/steps", listing(rows.steps(cutoffs))),
        web.get(STEP, single(rows.steps(cutoffs), rows.THIS_STEP)),
        web.get(f"{RUN}/tasks", listing(attempts.tasks(cutoffs), label)),
        web.get(f"{STEP}/tasks", listing(attempts.tasks(cutoffs, rows.THIS_STEP), label)),
        web.get(TASK, single(of_task, postprocess=label)),
        web.get(f"{TASK}/attempts", listing(of_task, label)),
        web.get(f"{RUN}/metadata", listing(rows.metadata(rows.OF_RUN))),
        web.get(f"{TASK}/metadata", listing(rows.metadata(rows.OF_TASK))),
        web.get(f"{RUN}/artifacts", listing(rows.artifacts(rows.OF_RUN), show)),
        web.get(f"{STEP}/artifacts", listing(rows.artifacts(rows.OF_STEP), show)),
        web.get(f"{TASK}/artifacts", listing(rows.artifacts(rows.OF_TASK), show)),
    ]


def listing(table: Table, postprocess: Postprocess | None = None) -> Handler:
    """The handler of a list."""

    async def answer(request: web.Request) -> web.Response:
        wanted = asked.parse(list(request.query.items()), table.fields, table.order, derived=table.derived, tags=True)
        statement = table.listing(wanted)
        parameters = {**address(request.match_info), **wanted.parameters}
        found = await read(request.app[POOL], statement, parameters)
        if postprocess is not None and request.query.get("postprocess") == "true":
            found = await postprocess(found, request)
        extra = await _benchmark(request, statement, parameters)
        return many(request, found, page=wanted.page, limit=wanted.limit, extra=extra)

    return answer


def single(table: Table, condition: str = "true", postprocess: Postprocess | None = None) -> Handler:
    """The handler of one row: the first in the table's order that meets ``condition`` (a constant)."""
    statement = table.one(condition)

    async def answer(request: web.Request) -> web.Response:
        found = (await read(request.app[POOL], statement, address(request.match_info)))[:1]
        if found and postprocess is not None and request.query.get("postprocess") == "true":
            found = await postprocess(found, request)
        return one(request, found[0] if found else None)

    return answer


async def _benchmark(request: web.Request, statement: sql.Composed, parameters: dict[str, Any]) -> dict[str, str]:
    """What PostgreSQL says about a statement, for the request that has ``benchmark=true``."""
    if request.query.get("benchmark") != "true":
        return {}
    lines = await read(request.app[POOL], sql.SQL("EXPLAIN ANALYZE ") + statement, parameters, prepare=False)
    return {"benchmark_result": "\n".join(line.decode() for line in lines)}


def load(documents: list[bytes]) -> list[dict[str, Any]]:
    """Rows as Python sees them."""
    return [json.loads(document) for document in documents]
