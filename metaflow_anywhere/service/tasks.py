"""Tasks: create one, read one, list a step's, find some by their metadata, and the sign of life of one."""

from __future__ import annotations

from metaflow_anywhere.database.filters import Field
from metaflow_anywhere.database.ids import is_number
from metaflow_anywhere.service.bodies import created_by, given_name, parse_object
from metaflow_anywhere.service.documents import (
    HEARTBEAT_SECONDS,
    IN_RUN,
    NOW_MS,
    NOW_SECONDS,
    RUN,
    TAGS_OF_RUN,
    TASK,
    TASK_ID,
    TASK_KEY,
)
from metaflow_anywhere.service.lists import Listing, parse_condition, send_list, send_page
from metaflow_anywhere.service.messages import (
    Call,
    Refusal,
    Reply,
    created_document,
    found_document,
    no_such_parent,
    one_value,
)
from metaflow_anywhere.service.runs import REFRESH_RUN, heard, sends_heartbeats

# A new task is a sign of life of its run.
CREATE = f"""
    WITH {RUN},
    step AS (SELECT FROM steps_v3 WHERE flow_id = %(flow)s AND run_number = {IN_RUN} AND step_name = %(step)s),
    refreshed AS ({REFRESH_RUN} AND EXISTS (SELECT FROM step))
    INSERT INTO tasks_v3
        (flow_id, run_number, run_id, step_name, task_name, user_name, ts_epoch, tags, system_tags, last_heartbeat_ts)
    SELECT %(flow)s, run_number, run_id, %(step)s, %(task_name)s, %(user_name)s, {NOW_MS},
        %(tags)s::jsonb, %(system_tags)s::jsonb, CASE WHEN %(beats)s::boolean THEN {NOW_SECONDS} END
    FROM run WHERE EXISTS (SELECT FROM step)
    RETURNING {TASK}, {TASK_KEY}
"""
IN_TASKS = f"FROM tasks_v3 WHERE flow_id = %(flow)s AND run_number = {IN_RUN} AND step_name = %(step)s"
READ = f"WITH {RUN} SELECT {TASK} {IN_TASKS} AND task_id = {TASK_ID}"
LIST = Listing(f"WITH {RUN}", TASK, IN_TASKS, (("ts_epoch", "bigint"), ("task_id", "bigint")))
FILTERS = {
    "task_id": Field("task_id", "integer"),
    "task_name": Field("task_name"),
    "user_name": Field("user_name"),
    "ts_epoch": Field("ts_epoch", "integer"),
    "last_heartbeat_ts": Field("last_heartbeat_ts", "integer"),
}
BEAT = f"""
    WITH {RUN}, refreshed_run AS ({REFRESH_RUN}),
    task AS (SELECT task_id AS id {IN_TASKS} AND task_id = {TASK_ID}),
    refreshed_task AS (
        UPDATE tasks_v3 SET last_heartbeat_ts = {NOW_SECONDS} WHERE task_id = (SELECT id FROM task)
            AND (last_heartbeat_ts IS NULL OR last_heartbeat_ts <= {NOW_SECONDS} - {HEARTBEAT_SECONDS})
    )
    SELECT EXISTS (SELECT FROM task)
"""


async def create_task(call: Call) -> Reply:
    """The new task; 404 without its step, 409 if its name is taken."""
    document = parse_object(call.body)
    created = created_by(document)
    name = given_name(document, "task_id")
    if name is not None and is_number(name):
        raise Refusal(400, {"message": "provided task_name may not be a numeric"})
    parameters = {
        **call.address(),
        **created,
        "task_name": name,
        "beats": sends_heartbeats(document.get("system_tags")),
    }
    body = await created_document(call, "tasks_v3", CREATE, parameters)
    if body is None:
        key = ", ".join(call.parts[part] for part in ("flow", "run", "step"))
        raise no_such_parent("tasks_v3", f"(flow_id, run_number, step_name)=({key})")
    return Reply(body)


async def read_task(call: Call) -> Reply:
    """The task, or 404."""
    return await found_document(call.pool, READ, call.address())


async def list_tasks(call: Call) -> Reply:
    """All tasks of a step, or a page of them."""
    condition = parse_condition(call, FILTERS, tags=TAGS_OF_RUN)
    if condition.fields.isdisjoint(FILTERS):
        return await send_list(call, LIST, call.address(), condition)
    return await send_page(call, LIST, call.address(), condition)


async def beat_task(call: Call) -> Reply:
    """Note that the task, and so its run, is alive, and say when to tell again; 404 only if there is no such task."""
    return heard(await one_value(call.pool, BEAT, call.address()))
