"""Tasks found by their metadata: how clients find the parents and children of a task.

A regular expression is matched against every value of the step. The ones that the official client asks for again and
again, a place in nested foreachs or the beginning of one, are found through an index instead.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from psycopg.pq.abc import PGresult

from metaflow_anywhere.database.pool import PATTERN_SECONDS, Unavailable
from metaflow_anywhere.http.turns import Turns
from metaflow_anywhere.service.documents import IN_RUN, RUN
from metaflow_anywhere.service.lists import Listing, send_all
from metaflow_anywhere.service.messages import Call, Reply
from metaflow_anywhere.service.tasks import IN_TASKS

PATTERNS_AT_ONCE = 2  # of the pool's ten connections
TURN_SECONDS = 5.0  # as long as one waits for a connection
TURNS = Turns(PATTERNS_AT_ONCE)
FOREACH_PATH = "foreach-execution-path"
# ^(?:a:1,b:2)$ or ^(?:a:1,b:2,.*)$ with step names, colons and numbers: nothing in it has a meaning of its own.
PATH_PATTERN = re.compile(r"\^\(\?:([\w:,-]+?)(,\.\*)?\)\$", re.ASCII)
INDEXED_CHARACTERS = 200  # of a value, as in sql/

_PATHSPEC = """to_json(flow_id || '/' || coalesce(run_id, run_number::text) || '/' || step_name || '/'
    || coalesce(task_name, task_id::text))::text"""
_IN_METADATA = f"FROM metadata_v3 m WHERE m.flow_id = %(flow)s AND m.run_number = {IN_RUN} AND m.step_name = %(step)s"
_BEGINNING = f'left(m.value, {INDEXED_CHARACTERS}) COLLATE "C"'


def _tasks_with(metadata: str) -> Listing:
    return Listing(f"WITH {RUN}", _PATHSPEC, f"{IN_TASKS} AND {metadata}", (("task_id", "bigint"),), ascending=True)


MATCHING = _tasks_with(
    f"""EXISTS (SELECT {_IN_METADATA} AND m.task_id = tasks_v3.task_id
        AND (%(field)s::text IS NULL OR m.field_name = %(field)s)
        AND (%(pattern)s::text IS NULL OR m.value ~ %(pattern)s))"""
)
_AT_PATH = f"task_id = ANY (ARRAY (SELECT m.task_id {_IN_METADATA} AND m.field_name = '{FOREACH_PATH}' AND "
AT_PATH = _tasks_with(f"{_AT_PATH} {_BEGINNING} = left(%(path)s, {INDEXED_CHARACTERS}) AND m.value = %(path)s))")
# ',' is followed by '-' in the order of characters: what begins with "path," lies between the two.
BELOW_PATH = _tasks_with(
    f"""{_AT_PATH} {_BEGINNING} >= left(%(path)s || ',', {INDEXED_CHARACTERS})
        AND {_BEGINNING} < left(%(path)s, {INDEXED_CHARACTERS - 1}) || '-'
        AND starts_with(m.value, %(path)s || ',')))"""
)


class PatternReads:
    """Reads that match a client's pattern: a short time for each, and one at a time for each client.

    PostgreSQL's patterns may have back-references, and with them one can be written that takes as long as it may.
    """

    def __init__(self, call: Call) -> None:
        self._call = call

    async def fetch(self, statement: str, parameters: Mapping[str, Any]) -> PGresult:
        """The result, as of `Pool.fetch`."""
        try:
            async with TURNS.of(self._call.client(), TURN_SECONDS):
                return await self._call.pool.fetch(statement, parameters, seconds=PATTERN_SECONDS)
        except asyncio.TimeoutError:
            raise Unavailable(f"other patterns of this client took longer than {TURN_SECONDS:g} seconds") from None


async def list_filtered_tasks(call: Call) -> Reply:
    """The path specifications of the step's tasks with a metadata row of that field whose value matches a pattern."""
    asked = dict(call.query)
    field, pattern = asked.get("metadata_field_name"), asked.get("pattern")
    listing, parameters = _question(field, pattern)
    source = PatternReads(call) if listing is MATCHING and pattern else call.pool
    return await send_all(source, listing, {**call.address(), **parameters})


def _question(field: str | None, pattern: str | None) -> tuple[Listing, dict[str, Any]]:
    """The list to ask for, and its parameters beside the address."""
    path = PATH_PATTERN.fullmatch(pattern) if field == FOREACH_PATH and pattern else None
    if path is None or len(path[1]) >= INDEXED_CHARACTERS:
        return MATCHING, {"field": field, "pattern": pattern}
    return BELOW_PATH if path[2] else AT_PATH, {"path": path[1]}
