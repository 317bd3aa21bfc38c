"""Metadata of tasks: append rows, list a task's or a run's."""

from __future__ import annotations

from psycopg.pq.abc import PGresult

from metaflow_anywhere.database.feed import METADATA_FIELDS
from metaflow_anywhere.service.bodies import parse_rows
from metaflow_anywhere.service.documents import IN_RUN, IN_TASK, METADATA, METADATA_KEY, NOW_MS, RUN, THE_TASK
from metaflow_anywhere.service.lists import Listing, send_list
from metaflow_anywhere.service.messages import Call, Refusal, Reply, bad_request
from metaflow_anywhere.service.storable import storable_json

STRINGS = ("field_name", "type", "user_name")
NAMES = ("field_name", "user_name")

_PUBLISHED = ", ".join(f"'{field}'" for field in sorted(METADATA_FIELDS))
VALUE = """CASE jsonb_typeof(value)
    WHEN 'array' THEN ARRAY (SELECT item FROM jsonb_array_elements_text(value) AS item)::text
    ELSE value #>> '{}' END"""
# All rows in one statement: all are stored, or none.
# The official client sends numbers of attempts as numbers, and foreach stacks as lists: those are stored in the text
# form of an array, such as {items=3}.
CREATE = f"""
    WITH {RUN}, {THE_TASK},
    made AS (
        INSERT INTO metadata_v3 (flow_id, run_number, run_id, step_name, task_id, task_name,
            field_name, value, type, user_name, ts_epoch, tags, system_tags)
        SELECT %(flow)s, run.run_number, run.run_id, %(step)s, task.task_id, task.task_name,
            coalesce(field_name, ' '), coalesce({VALUE}, ' '), coalesce(type, ' '), coalesce(user_name, ' '), {NOW_MS},
            tags, system_tags
        FROM run, task, jsonb_to_recordset(%(rows)s::jsonb)
            AS sent (field_name text, value jsonb, type text, user_name text, tags jsonb, system_tags jsonb)
        RETURNING CASE WHEN field_name IN ({_PUBLISHED}) THEN {METADATA_KEY} END AS key
    )
    SELECT EXISTS (SELECT FROM task), count(*), string_agg(key, ',') FROM made
"""
_ORDER = (("ts_epoch", "bigint"), ("id", "bigint"))
_IN_RUN = f"FROM metadata_v3 WHERE flow_id = %(flow)s AND run_number = {IN_RUN}"
OF_RUN = Listing(f"WITH {RUN}", METADATA, _IN_RUN, _ORDER)
OF_TASK = Listing(
    f"WITH {RUN}, {THE_TASK}", METADATA, f"{_IN_RUN} AND step_name = %(step)s AND task_id = {IN_TASK}", _ORDER
)


async def create_metadata(call: Call) -> Reply:
    """How many rows were stored; 400 without their task."""
    rows = parse_rows(call.body, STRINGS, NAMES)
    for place, row in enumerate(rows):
        if isinstance(row.get("value"), dict):
            raise bad_request(f"value of item {place} must be a string, a number or a list")
    result = await call.pool.fetch(CREATE, {**call.address(), "rows": storable_json(call.body, rows)})
    call.publisher.tell("metadata_v3", "INSERT", result.get_value(0, 2))
    return counted("metadata_created", result)


def counted(key: str, result: PGresult) -> Reply:
    """The answer to a list of new rows: how many were stored, or 400 if the task is unknown."""
    if result.get_value(0, 0) != b"t":
        raise Refusal(400, {"message": "need to register run_id and task_id first"})
    return Reply(b'{"%s": %s}' % (key.encode(), result.get_value(0, 1)))


async def list_task_metadata(call: Call) -> Reply:
    """All metadata of a task, newest first, or a page of it."""
    return await send_list(call, OF_TASK, call.address())


async def list_run_metadata(call: Call) -> Reply:
    """All metadata of a run, newest first, or a page of it."""
    return await send_list(call, OF_RUN, call.address())
