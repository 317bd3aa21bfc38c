"""Whether the service is there, which version it stands in for, and whether its database is."""

from __future__ import annotations

import json

import psycopg

from metaflow_anywhere.database.pool import Unavailable
from metaflow_anywhere.service.messages import JSON, TEXT, Call, Reply, encoded

VERSION = "2.6.1"  # the official release that this service stands in for; clients switch features by it


async def ping(_: Call) -> Reply:
    """Answered without the database: clients ask it once per process."""
    return Reply(b"pong", content_type=TEXT)


async def version(_: Call) -> Reply:
    """The release this service stands in for."""
    return Reply(VERSION.encode())


async def health(call: Call) -> Reply:
    """Whether a query runs; encoded twice, as official probes expect."""
    try:
        await call.pool.fetch("SELECT 1", {})
    except (psycopg.Error, Unavailable):
        return Reply(encoded(json.dumps({"status": "DOWN"})), status=500, content_type=JSON)
    return Reply(encoded(json.dumps({"status": "UP"})), content_type=JSON)


async def auth_token(_: Call) -> Reply:
    """Sandbox credentials of AWS, which this service never has."""
    return Reply(encoded({"err_msg": "this service has no AWS credentials to hand out", "traceback": ""}), status=500)
