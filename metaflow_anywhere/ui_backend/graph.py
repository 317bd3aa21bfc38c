"""The DAG and the parameters of runs, from the artifacts of their ``_parameters`` task."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from aiohttp import web

from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.http.peers import client
from metaflow_anywhere.strict_json import encoded
from metaflow_anywhere.ui_backend.decoding import UNREADABLE, Decoder, Value
from metaflow_anywhere.ui_backend.envelope import one
from metaflow_anywhere.ui_backend.resources import POOL, load
from metaflow_anywhere.ui_backend.resources import RUN as RUN_PATH
from metaflow_anywhere.ui_backend.server import Problem
from metaflow_anywhere.ui_backend.tables import IN_RUN, RUN, address, read

GRAPH = "_graph_info"
NOT_PARAMETERS = frozenset({"name", "script_name"})  # of every flow, unless it has parameters of these names
MAX_BYTES = 16 * 2**20  # compressed; a graph of thousands of steps has one

_NEWEST = f"""SELECT DISTINCT ON (a.name) a.name, a.flow_id, a.ds_type, a.sha FROM artifact_v3 AS a
    WHERE {IN_RUN} AND step_name = '_parameters'"""
ARTIFACTS = f"""
    WITH {RUN} SELECT row_to_json(x)::text FROM (
        {_NEWEST} AND (a.name !~ '^_' OR a.name = '{GRAPH}') ORDER BY a.name, a.attempt_id DESC, a.ts_epoch DESC
    ) AS x
"""
HAS_CODE_PACKAGE = f"""
    WITH {RUN} SELECT 'true' FROM metadata_v3
    WHERE {IN_RUN} AND field_name IN ('code-package', 'code-package-url') LIMIT 1
"""


class Graphs:
    """Answers /dag and /parameters, and knows where the source of a flow is."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def routes(self) -> list[web.RouteDef]:
        """Both paths."""
        return [web.get(f"{RUN_PATH}/dag", self._dag), web.get(f"{RUN_PATH}/parameters", self._parameters)]

    async def _dag(self, request: web.Request) -> web.Response:
        pool = request.app[POOL]
        where = address(request.match_info)
        value = await self._graph(pool, where, again=_again(request), who=client(request))
        if value is None:
            if await read(pool, HAS_CODE_PACKAGE, where):
                raise Problem("dag-unsupported-flow-language", "the run is of a client that did not store its graph")
            return one(request, None)
        if value.json is None:
            raise Problem(
                "dag-processing-error", f"the graph cannot be shown, because {value.error or 'it is too large'}"
            )
        return one(request, value.json.encode())

    async def _parameters(self, request: web.Request) -> web.Response:
        found = await self.parameters(
            request.app[POOL], address(request.match_info), again=_again(request), who=client(request)
        )
        return one(request, found)

    async def parameters(self, pool: Pool, where: dict[str, Any], *, again: bool = False, who: str = "") -> bytes:
        """The parameters of a run as JSON. Raises Problem."""
        rows = await self._rows(pool, where)
        hidden = {GRAPH}
        if any(row["name"] in NOT_PARAMETERS for row in rows):
            hidden |= NOT_PARAMETERS - await self._declared(rows, again=again, who=who)
        wanted = [row for row in rows if row["name"] not in hidden]
        values = await self._values(wanted, again=again, who=who)
        if values and all(value.name == UNREADABLE for value in values):
            raise Problem("MetaflowNotFound", f"the parameter {wanted[0]['name']} cannot be shown: {values[0].error}")
        found = {}
        for row, value in zip(wanted, values, strict=True):
            # One that cannot be read, or is of a strange type, must not hide the others.
            reason = f"cannot be shown, because {value.error}" if value.error else ""
            found[row["name"]] = {"value": reason or (value.text if value.json is None else json.loads(value.json))}
        return encoded(found)

    async def source_file(self, request: web.Request) -> str | None:
        """The path of the flow's file on the machine where it ran, if its graph tells."""
        value = await self._graph(request.app[POOL], address(request.match_info), who=client(request))
        try:
            steps = json.loads(value.json)["steps"] if value is not None and value.json else {}
            return next((str(step["source_file"]) for step in steps.values() if step.get("source_file")), None)
        except (LookupError, TypeError, AttributeError):
            return None

    async def _declared(self, rows: list[dict[str, Any]], *, again: bool, who: str) -> set[str]:
        """The names of the artifacts of all parameters, as far as the graph tells."""
        graph = [row for row in rows if row["name"] == GRAPH]
        for value in await self._values(graph, again=again, who=who):
            with contextlib.suppress(LookupError, TypeError, ValueError):
                return {str(one["name"]).replace("-", "_") for one in json.loads(value.json or "")["parameters"]}
        return set()

    async def _graph(self, pool: Pool, where: dict[str, Any], *, again: bool = False, who: str = "") -> Value | None:
        row = next((row for row in await self._rows(pool, where) if row["name"] == GRAPH), None)
        return None if row is None else (await self._values([row], again=again, who=who))[0]

    async def _rows(self, pool: Pool, where: dict[str, Any]) -> list[dict[str, Any]]:
        return load(await read(pool, ARTIFACTS, where))

    async def _values(self, rows: list[dict[str, Any]], *, again: bool, who: str) -> list[Value]:
        return await self._decoder.values(rows, max_bytes=MAX_BYTES, again=again, client=who)


def _again(request: web.Request) -> bool:
    return request.query.get("invalidate") == "true"
