"""Steps: create one, read one, list a run's."""

from __future__ import annotations

from metaflow_anywhere.service.bodies import created_by, parse_object
from metaflow_anywhere.service.documents import IN_RUN, NOW_MS, RUN, STEP, STEP_KEY, TAGS_OF_RUN
from metaflow_anywhere.service.lists import Listing, parse_condition, send_list
from metaflow_anywhere.service.messages import Call, Reply, created_document, found_document, no_such_parent

# run_id of a step is the number's text where the run has no name.
CREATE = f"""
    WITH {RUN}
    INSERT INTO steps_v3 (flow_id, run_number, run_id, step_name, user_name, ts_epoch, tags, system_tags)
    SELECT %(flow)s, run_number, coalesce(run_id, run_number::text), %(step)s, %(user_name)s, {NOW_MS},
        %(tags)s::jsonb, %(system_tags)s::jsonb
    FROM run
    RETURNING {STEP}, {STEP_KEY}
"""
IN_STEPS = f"FROM steps_v3 WHERE flow_id = %(flow)s AND run_number = {IN_RUN}"
READ = f"WITH {RUN} SELECT {STEP} {IN_STEPS} AND step_name = %(step)s"
WHOLE = Listing(f"WITH {RUN}", STEP, IN_STEPS, (("step_name", "text"),))
PAGED = Listing(f"WITH {RUN}", STEP, IN_STEPS, (("ts_epoch", "bigint"), ("step_name", "text")))


async def create_step(call: Call) -> Reply:
    """The new step; 404 without its run, 409 if there is one of that name."""
    parameters = {**call.address(), **created_by(parse_object(call.body))}
    body = await created_document(call, "steps_v3", CREATE, parameters)
    if body is None:
        raise no_such_parent("steps_v3", f"(flow_id, run_number)=({call.parts['flow']}, {call.parts['run']})")
    return Reply(body)


async def read_step(call: Call) -> Reply:
    """The step, or 404."""
    return await found_document(call.pool, READ, call.address())


async def list_steps(call: Call) -> Reply:
    """All steps of a run, or a page of them."""
    condition = parse_condition(call, {}, tags=TAGS_OF_RUN)
    return await send_list(call, PAGED, call.address(), condition, whole=WHOLE)
