"""The one change a run allows: its tags.

Done in a serializable transaction, so that of two changes at the same moment one is told to try again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from psycopg import AsyncConnection, errors
from psycopg.rows import TupleRow

from metaflow_anywhere.service.bodies import parse_object
from metaflow_anywhere.service.documents import RUN_NUMBER
from metaflow_anywhere.service.messages import Call, Refusal, Reply, bad_request, not_found
from metaflow_anywhere.service.storable import storable_text

# The old row is looked at and changed by one statement; a forbidden removal leaves it as it is and is told.
MUTATE = f"""
    WITH run AS (
        SELECT run_number, coalesce(tags, '[]') AS tags, coalesce(system_tags, '[]') AS system_tags
        FROM runs_v3 WHERE flow_id = %(flow)s AND run_number = {RUN_NUMBER}
    ),
    asked AS (SELECT %(add)s::jsonb AS to_add, %(remove)s::jsonb AS to_remove),
    forbidden AS (
        SELECT tag FROM run, jsonb_array_elements_text(system_tags) AS tag
        INTERSECT SELECT tag FROM asked, jsonb_array_elements_text(to_remove) AS tag
    ),
    wanted AS (
        SELECT coalesce(jsonb_agg(tag ORDER BY tag), '[]') AS tags FROM (
            (SELECT tag FROM run, jsonb_array_elements_text(run.tags) AS tag
             EXCEPT SELECT tag FROM asked, jsonb_array_elements_text(to_remove) AS tag)
            UNION
            (SELECT tag FROM asked, jsonb_array_elements_text(to_add) AS tag
             EXCEPT SELECT tag FROM run, jsonb_array_elements_text(system_tags) AS tag)
        ) AS kept_and_added
    ),
    changed AS (
        UPDATE runs_v3 SET tags = wanted.tags FROM run, wanted
        WHERE runs_v3.flow_id = %(flow)s AND runs_v3.run_number = run.run_number AND NOT EXISTS (SELECT FROM forbidden)
    )
    SELECT json_build_object('tags', wanted.tags)::text, (SELECT array_agg(tag ORDER BY tag) FROM forbidden),
        CASE WHEN run.tags <> wanted.tags THEN run.run_number END
    FROM run, wanted
"""


async def mutate_tags(call: Call) -> Reply:
    """The run's new tags: (old - to remove) + (to add - system tags)."""
    document = parse_object(call.body)
    add, remove = (document.get(key, []) for key in ("tags_to_add", "tags_to_remove"))
    for key, tags in (("tags_to_add", add), ("tags_to_remove", remove)):
        if not isinstance(tags, list):
            raise bad_request(f"{key} must be a list")
    if not all(isinstance(tag, str) for tag in [*add, *remove]):
        raise bad_request("All tag values must be strings")
    add, remove = ([storable_text(tag) for tag in tags] for tags in (add, remove))
    parameters = {**call.address(), "add": json.dumps(add), "remove": json.dumps(remove)}
    try:
        async with call.pool.connection() as connection:
            row = await _serializable(connection, parameters)
    except (errors.SerializationFailure, errors.DeadlockDetected):
        raise Refusal(409, "Conflicting concurrent tag mutation, please retry") from None
    if row is None:
        raise not_found()
    if row[1]:
        names = ", ".join(repr(tag) for tag in row[1])
        raise Refusal(422, f"Cannot remove tags that are existing system tags {{{names}}}")
    if row[2] is not None:
        changed = {"flow_id": call.parts["flow"], "run_number": row[2]}
        call.publisher.tell("runs_v3", "UPDATE", json.dumps(changed).encode())
    return Reply(row[0].encode())


async def _serializable(connection: AsyncConnection[TupleRow], parameters: Mapping[str, object]) -> TupleRow | None:
    """`MUTATE` in its transaction, all of it in one round trip."""
    async with connection.pipeline():
        await connection.execute("BEGIN ISOLATION LEVEL SERIALIZABLE", prepare=True)
        cursor = await connection.execute(MUTATE, parameters, prepare=True)
        await connection.execute("COMMIT", prepare=True)
    return await cursor.fetchone()
