"""Flows: create one, read one, list all."""

from __future__ import annotations

from metaflow_anywhere.service.bodies import created_by, parse_object
from metaflow_anywhere.service.documents import FLOW, FLOW_KEY, NOW_MS
from metaflow_anywhere.service.lists import Listing, send_list
from metaflow_anywhere.service.messages import Call, Reply, created_document, found_document

CREATE = f"""
    INSERT INTO flows_v3 (flow_id, user_name, ts_epoch, tags, system_tags)
    VALUES (%(flow)s, %(user_name)s, {NOW_MS}, %(tags)s::jsonb, %(system_tags)s::jsonb)
    RETURNING {FLOW}, {FLOW_KEY}
"""
READ = f"SELECT {FLOW} FROM flows_v3 WHERE flow_id = %(flow)s"
LIST = Listing("", FLOW, "FROM flows_v3 WHERE true", (("ts_epoch", "bigint"), ("flow_id", "text")))


async def create_flow(call: Call) -> Reply:
    """The new flow, or the unique key's 409."""
    parameters = {**call.address(), **created_by(parse_object(call.body))}
    return Reply(await created_document(call, "flows_v3", CREATE, parameters) or b"")


async def read_flow(call: Call) -> Reply:
    """The flow, or 404."""
    return await found_document(call.pool, READ, call.address())


async def list_flows(call: Call) -> Reply:
    """All flows, or a page of them."""
    return await send_list(call, LIST, {})
