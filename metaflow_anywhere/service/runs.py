"""Runs: create one, read one, list a flow's, and the sign of life of one."""

from __future__ import annotations

import functools
import json
import re

from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.filters import ALL_TAGS, Field
from metaflow_anywhere.database.ids import is_number
from metaflow_anywhere.database.run_status import STATUSES
from metaflow_anywhere.service.bodies import created_by, given_name, parse_object
from metaflow_anywhere.service.documents import (
    HEARTBEAT_SECONDS,
    NEW_RUN,
    NOW_MS,
    NOW_SECONDS,
    RUN_KEY,
    RUN_NUMBER,
    RUN_ROW,
    RUN_ROW_WITH_STATUS,
    VOUCHED_USER,
)
from metaflow_anywhere.service.lists import Listing, parse_condition, send_list, send_page
from metaflow_anywhere.service.messages import (
    Call,
    Reply,
    bad_request,
    created_document,
    encoded,
    found_document,
    no_such_parent,
    one_value,
)

FIRST_BEATING_CLIENTS = ((1, 14, 0), (2, 2, 12))  # of each line of releases: the first that sends heartbeats
VERSION_TAG = "metaflow_version:"
WAIT = encoded(json.dumps({"wait_time_in_seconds": HEARTBEAT_SECONDS}))  # encoded twice: clients decode it twice

CREATE = f"""
    INSERT INTO runs_v3 (flow_id, run_id, user_name, ts_epoch, tags, system_tags, last_heartbeat_ts)
    SELECT flow_id, %(run_id)s, %(user_name)s, {NOW_MS}, %(tags)s::jsonb, %(system_tags)s::jsonb,
        CASE WHEN %(beats)s::boolean THEN {NOW_SECONDS} END
    FROM flows_v3 WHERE flow_id = %(flow)s
    RETURNING {NEW_RUN}, {RUN_KEY}
"""
# Two statements, as PostgreSQL would plan one for both ids anew at each call: that costs more than the read.
READ = f"SELECT {RUN_ROW} FROM runs_v3 WHERE flow_id = %(flow)s AND run_number = %(run_number)s::bigint"
READ_NAMED = f"SELECT {RUN_ROW} FROM runs_v3 WHERE flow_id = %(flow)s AND run_id = %(run_id)s"
LIST = Listing("", RUN_ROW, "FROM runs_v3 WHERE flow_id = %(flow)s", (("ts_epoch", "bigint"), ("run_number", "bigint")))
FILTERS = {
    "flow_id": Field("flow_id"),
    "run_number": Field("run_number", "integer"),
    "run_id": Field("run_id"),
    "user_name": Field("user_name"),
    "user": Field(VOUCHED_USER),
    "ts_epoch": Field("ts_epoch", "integer"),
    "last_heartbeat_ts": Field("last_heartbeat_ts", "integer"),
    "tags": Field("tags::text"),
    "system_tags": Field("system_tags::text"),
    "status": Field("status", choices=STATUSES),
}
REFRESH_RUN = f"""
    UPDATE runs_v3 SET last_heartbeat_ts = {NOW_SECONDS}
    WHERE flow_id = %(flow)s AND run_number = {RUN_NUMBER}
        AND (last_heartbeat_ts IS NULL OR last_heartbeat_ts <= {NOW_SECONDS} - {HEARTBEAT_SECONDS})
"""
BEAT = f"""
    WITH refreshed AS ({REFRESH_RUN})
    SELECT EXISTS (SELECT FROM runs_v3 WHERE flow_id = %(flow)s AND run_number = {RUN_NUMBER})
"""


async def create_run(call: Call) -> Reply:
    """The new run; 404 without its flow, 409 if its name is taken."""
    document = parse_object(call.body)
    created = created_by(document)
    name = given_name(document, "run_number")
    if name is not None and is_number(name):
        raise bad_request("provided run_id may not be a numeric")
    parameters = {**call.address(), **created, "run_id": name, "beats": sends_heartbeats(document.get("system_tags"))}
    body = await created_document(call, "runs_v3", CREATE, parameters)
    if body is None:
        raise no_such_parent("runs_v3", f"(flow_id)=({call.parts['flow']})")
    return Reply(body)


async def read_run(call: Call) -> Reply:
    """The run, or 404."""
    address = call.address()
    return await found_document(call.pool, READ_NAMED if address["run_number"] is None else READ, address)


async def list_runs(call: Call) -> Reply:
    """All runs of a flow, or a page of them."""
    condition = parse_condition(call, FILTERS, tags=ALL_TAGS)
    if not condition:
        return await send_list(call, LIST, call.address())
    listing = LIST
    if "status" in condition.fields:
        only_running = not {("status", "running"), ("status:eq", "running")}.isdisjoint(call.query)
        listing = _with_status(call.cutoffs, only_running=only_running)
    return await send_page(call, listing, call.address(), condition)


@functools.cache
def _with_status(cutoffs: Cutoffs, *, only_running: bool) -> Listing:
    """Runs with their status; ``only_running``: others are left out as far as that costs less than deriving it."""
    status = cutoffs.status("r")
    condition = status.may_run_among_few if only_running else "true"
    return Listing(
        "",
        RUN_ROW_WITH_STATUS,
        f"""FROM (SELECT r.*, {status.status} AS status FROM runs_v3 AS r {status.joins} WHERE {condition}) AS runs
            WHERE flow_id = %(flow)s""",
        LIST.keys,
    )


async def beat_run(call: Call) -> Reply:
    """Note that the run is alive, and say when to tell again; 404 only if there is no such run."""
    return heard(await one_value(call.pool, BEAT, call.address()))


def heard(exists: bytes | None) -> Reply:
    """The answer to a heartbeat; ``exists`` says whether there is what it was for, in PostgreSQL's words."""
    return Reply(WAIT, status=200 if exists == b"t" else 404)


def sends_heartbeats(system_tags: list[str] | None) -> bool:
    """Whether a client with these system tags will send heartbeats, as far as its version tells.

    Without any tags, or with a version that cannot be read, it is taken to; with tags but no version it is not
    (wire contract, 2.3).
    """
    if system_tags is None:
        return True
    version = next((tag[len(VERSION_TAG) :] for tag in system_tags if tag.startswith(VERSION_TAG)), None)
    if version is None:
        return False
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version, re.ASCII)
    if numbers is None:
        return True
    parsed = tuple(int(number or 0) for number in numbers.groups())
    old, new = FIRST_BEATING_CLIENTS
    return parsed >= (new if parsed[0] >= new[0] else old)
