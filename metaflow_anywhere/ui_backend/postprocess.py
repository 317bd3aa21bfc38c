"""What is added to rows when a request says ``postprocess=true``: labels of foreach tasks, values of artifacts."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from metaflow_anywhere.http.peers import client
from metaflow_anywhere.strict_json import encoded
from metaflow_anywhere.ui_backend.decoding import Decoder
from metaflow_anywhere.ui_backend.resources import POOL, load
from metaflow_anywhere.ui_backend.tables import read

Postprocess = Callable[[list[bytes], web.Request], Awaitable[list[bytes]]]

FOREACH_PATHS = """
    SELECT json_build_array(task_id, value)::text FROM metadata_v3
    WHERE flow_id = %(flow)s AND run_number = %(run)s AND task_id = ANY (%(tasks)s::bigint[])
        AND step_name = ANY (%(steps)s::text[]) AND field_name = 'foreach-execution-path' ORDER BY id
"""


async def label(found: list[bytes], request: web.Request) -> list[bytes]:
    """Attempts with ``foreach_label``: the task and its place in the innermost foreach."""
    rows = load(found)
    if not rows:
        return found
    parameters = {
        "flow": rows[0]["flow_id"],
        "run": rows[0]["run_number"],
        "tasks": list({row["task_id"] for row in rows}),
        "steps": list({row["step_name"] for row in rows}),
    }
    paths = dict(json.loads(line) for line in await read(request.app[POOL], FOREACH_PATHS, parameters))
    for row in rows:
        place = foreach_place(paths.get(row["task_id"], ""))
        if place is not None:
            row["foreach_label"] = f"{row['task_name'] or row['task_id']}[{place}]"
    return [encoded(row) for row in rows]


def foreach_place(path: str) -> str | None:
    """The innermost index of a ``foreach-execution-path`` such as ``rows:3,columns:1``."""
    return path.rpartition(":")[2] or None


def show(decoder: Decoder, max_bytes: int) -> Postprocess:
    """Artifacts with ``content`` (the text of the value), or ``postprocess_error`` that says why there is none.

    Beyond the contract: ``value_type`` (Python's name of it, if known) and ``stored_bytes`` (of its file, or null).
    """

    async def shown(found: list[bytes], request: web.Request) -> list[bytes]:
        rows = load(found)
        again = request.query.get("invalidate") == "true"
        values = await decoder.values(rows, max_bytes=max_bytes, again=again, client=client(request))
        for row, value in zip(rows, values, strict=True):
            row["value_type"], row["stored_bytes"] = value.kind or None, value.size
            if value.error:
                detail = f"{row['name']} cannot be shown, because {value.error}"
                row["postprocess_error"] = {"id": value.name, "detail": detail, "traceback": ""}
            else:
                row["content"] = value.text
        return [encoded(row) for row in rows]

    return shown
