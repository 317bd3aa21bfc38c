"""Artifacts of tasks: register them, list a run's, a step's or a task's, read one by name.

Each attempt of a task has its own; a read without an attempt is of the newest one.
"""

from __future__ import annotations

from metaflow_anywhere.service.bodies import check_attempt, parse_rows
from metaflow_anywhere.service.documents import ARTIFACT, IN_RUN, IN_TASK, NOW_MS, RUN, TAGS_OF_RUN, THE_TASK
from metaflow_anywhere.service.lists import Listing, parse_condition, send_all, send_list
from metaflow_anywhere.service.messages import Call, Reply, found_document, not_found
from metaflow_anywhere.service.metadata import counted
from metaflow_anywhere.service.storable import storable_json

STRINGS = ("name", "location", "ds_type", "sha", "type", "content_type", "user_name")
NAMES = ("name", "user_name")

CREATE = f"""
    WITH {RUN}, {THE_TASK},
    made AS (
        INSERT INTO artifact_v3 (flow_id, run_number, run_id, step_name, task_id, task_name,
            name, location, ds_type, sha, type, content_type, user_name, attempt_id, ts_epoch, tags, system_tags)
        SELECT %(flow)s, run.run_number, run.run_id, %(step)s, task.task_id, task.task_name,
            coalesce(name, ' '), coalesce(location, ' '), coalesce(ds_type, ' '), coalesce(sha, ' '),
            coalesce(type, ' '), coalesce(content_type, ' '), coalesce(user_name, ' '), coalesce(attempt_id, 0),
            {NOW_MS}, tags, system_tags
        FROM run, task, jsonb_to_recordset(%(rows)s::jsonb)
            AS sent (name text, location text, ds_type text, sha text, type text, content_type text, user_name text,
                attempt_id smallint, tags jsonb, system_tags jsonb)
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM task), count(*) FROM made
"""

_IN_RUN = f"FROM artifact_v3 a WHERE flow_id = %(flow)s AND run_number = {IN_RUN}"
_IN_STEP = f"{_IN_RUN} AND step_name = %(step)s"
_IN_TASK = f"{_IN_STEP} AND task_id = {IN_TASK}"
_NEWEST_ATTEMPT = f""" AND attempt_id = (SELECT max(b.attempt_id) FROM artifact_v3 b
    WHERE b.flow_id = %(flow)s AND b.run_number = {IN_RUN} AND b.step_name = a.step_name AND b.task_id = a.task_id)"""
# The rest of the primary key: the page after any key is found in it, and the newest attempt of each task too, so that
# the last page of a hundred thousand artifacts costs what the first one does. (By time, as an official service has it,
# each page would read all artifacts of the run.)
_BY_PLACE = (("step_name", "text"), ("task_id", "bigint"), ("attempt_id", "bigint"), ("name", "text"))

# Of each task the newest attempt, in whole lists and pages alike.
OF_RUN = Listing(f"WITH {RUN}", ARTIFACT, _IN_RUN + _NEWEST_ATTEMPT, _BY_PLACE)
OF_STEP = Listing(f"WITH {RUN}", ARTIFACT, _IN_STEP + _NEWEST_ATTEMPT, _BY_PLACE)
OF_TASK = Listing(f"WITH {RUN}, {THE_TASK}", ARTIFACT, _IN_TASK + _NEWEST_ATTEMPT, _BY_PLACE)
OF_ATTEMPT = Listing(f"WITH {RUN}, {THE_TASK}", ARTIFACT, f"{_IN_TASK} AND attempt_id = %(attempt)s::bigint", _BY_PLACE)

READ_OF_ATTEMPT = f"""
    WITH {RUN}, {THE_TASK} SELECT {ARTIFACT} {_IN_TASK} AND attempt_id = %(attempt)s::bigint AND name = %(name)s
"""
# The newest attempt is the newest that has the artifact `name`, which every attempt of Metaflow's stores; where none
# has (other programs write here too), the newest that has any.
READ = f"""
    WITH {RUN}, {THE_TASK} SELECT {ARTIFACT} {_IN_TASK} AND name = %(name)s AND attempt_id = coalesce(
        (SELECT max(attempt_id) {_IN_TASK} AND name = 'name'), (SELECT max(attempt_id) {_IN_TASK}))
"""


async def create_artifacts(call: Call) -> Reply:
    """How many artifacts were new; those already there are left as they are. 400 without their task."""
    rows = parse_rows(call.body, STRINGS, NAMES)
    for place, row in enumerate(rows):
        check_attempt(row.get("attempt_id"), place)
    parameters = {**call.address(), "rows": storable_json(call.body, rows)}
    return counted("artifacts_created", await call.pool.fetch(CREATE, parameters))


async def list_run_artifacts(call: Call) -> Reply:
    """A run's artifacts, or a page of them."""
    return await _send(call, OF_RUN)


async def list_step_artifacts(call: Call) -> Reply:
    """A step's artifacts, or a page of them."""
    return await _send(call, OF_STEP)


async def list_task_artifacts(call: Call) -> Reply:
    """A task's artifacts, or a page of them."""
    return await _send(call, OF_TASK)


async def _send(call: Call, listing: Listing) -> Reply:
    return await send_list(call, listing, call.address(), parse_condition(call, {}, tags=TAGS_OF_RUN))


async def list_attempt_artifacts(call: Call) -> Reply:
    """The artifacts of exactly one attempt."""
    attempt = call.attempt()
    if attempt is None:
        return Reply(b"[]")
    return await send_all(call.pool, OF_ATTEMPT, {**call.address(), "attempt": attempt})


async def read_artifact(call: Call) -> Reply:
    """The artifact of that name of the task's newest attempt, or 404."""
    return await found_document(call.pool, READ, {**call.address(), "name": call.parts["name"]})


async def read_attempt_artifact(call: Call) -> Reply:
    """The artifact of that name of exactly one attempt, or 404."""
    attempt = call.attempt()
    if attempt is None:
        raise not_found()
    return await found_document(
        call.pool, READ_OF_ATTEMPT, {**call.address(), "name": call.parts["name"], "attempt": attempt}
    )
