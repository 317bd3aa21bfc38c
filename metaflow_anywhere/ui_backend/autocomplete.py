"""Names that begin with, or contain, what a user has typed so far."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from psycopg import sql

from metaflow_anywhere.database.filters import Field
from metaflow_anywhere.database.pool import PATTERN_SECONDS, Unavailable
from metaflow_anywhere.http.peers import client
from metaflow_anywhere.http.turns import Turns
from metaflow_anywhere.ui_backend import asked
from metaflow_anywhere.ui_backend.asked import Order
from metaflow_anywhere.ui_backend.envelope import many
from metaflow_anywhere.ui_backend.resources import FLOW, POOL, RUN
from metaflow_anywhere.ui_backend.tables import IN_RUN, address, read
from metaflow_anywhere.ui_backend.tables import RUN as THE_RUN

PATTERNS_AT_ONCE = 2  # of the pool's connections; and of one client's one after the other
TURN_SECONDS = 5.0
TURNS = Turns(PATTERNS_AT_ONCE)
TAG_TEXT = "jsonb_array_elements_text(tags || system_tags)"


def routes() -> list[web.RouteDef]:
    """All of them; they must come before the routes whose names they would be taken for."""
    return [
        web.get("/flows/autocomplete", _names("flow_id", "SELECT flow_id FROM flows_v3")),
        web.get(
            f"{FLOW}/runs/autocomplete",
            _names("run", "SELECT coalesce(run_id, run_number::text) AS run FROM runs_v3 WHERE flow_id = %(flow)s"),
        ),
        web.get(f"{RUN}/steps/autocomplete", _names("step_name", _in_run("step_name FROM steps_v3"))),
        web.get(f"{RUN}/artifacts/autocomplete", _names("name", _in_run("DISTINCT name FROM artifact_v3"))),
        web.get("/tags/autocomplete", _names("tag", f"SELECT DISTINCT {TAG_TEXT} AS tag FROM runs_v3")),
    ]


def _in_run(what: str) -> str:
    return f"WITH {THE_RUN} SELECT {what} WHERE {IN_RUN}"


def _names(column: str, source: str) -> Callable[[web.Request], Any]:
    """The handler for the values of ``column`` of ``source``, a SELECT."""
    fields = {column: Field(f'"{column}"')}

    async def answer(request: web.Request) -> web.Response:
        # An empty text asks for everything; so does a filter on anything but the names.
        query = [(key, value) for key, value in request.query.items() if value]
        patterns = [value for key, value in query if key == f"{column}:re"]
        wanted = asked.parse([item for item in query if "," not in item[1] or item[0].startswith("_")], fields,
                             (Order(column, descending=False),))  # fmt: skip
        condition = sql.SQL("").join(
            # Anchored at the start only, as Python's `re.match` is; PostgreSQL's syntax is a superset of what UIs send.
            sql.SQL(' AND "{}" ~ {}').format(sql.SQL(column), sql.Placeholder(f"pattern_{place}"))
            for place in range(len(patterns))
        )
        statement = sql.SQL("SELECT to_json({0})::text FROM ({1}) AS named WHERE {0} IS NOT NULL").format(
            sql.Identifier(column), sql.SQL(source)
        ) + wanted.condition.text + condition + sql.SQL(" ORDER BY {0} LIMIT {1} OFFSET {2}").format(
            sql.Identifier(column), sql.Literal(wanted.limit), sql.Literal(wanted.offset)
        )  # fmt: skip
        parameters = {
            **address(request.match_info),
            **wanted.parameters,
            **{f"pattern_{place}": f"^(?:{pattern})" for place, pattern in enumerate(patterns)},
        }
        rows = await _read(request, statement, parameters, has_patterns=bool(patterns))
        return many(request, rows, page=wanted.page, limit=wanted.limit)

    return answer


async def _read(
    request: web.Request, statement: sql.Composed, parameters: Mapping[str, Any], *, has_patterns: bool
) -> list[bytes]:
    """The rows; a client's pattern has a short time only, and its turn."""
    pool = request.app[POOL]
    if not has_patterns:
        return await read(pool, statement, parameters, prepare=False)
    try:
        async with TURNS.of(client(request), TURN_SECONDS):
            return await read(pool, statement, parameters, prepare=False, seconds=PATTERN_SECONDS)
    except asyncio.TimeoutError:
        raise Unavailable(f"other patterns of this client took longer than {TURN_SECONDS:g} seconds") from None
