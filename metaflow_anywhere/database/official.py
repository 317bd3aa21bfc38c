"""How a metadata database is known, whoever made it: an official service's has the same tables as ours."""

from __future__ import annotations

from typing import Any

import psycopg

TABLES = ("flows_v3", "runs_v3", "steps_v3", "tasks_v3", "metadata_v3", "artifact_v3")
NUMBERED = (("runs_v3", "run_number"), ("tasks_v3", "task_id"), ("metadata_v3", "id"))


class NotMetaflow(Exception):
    """The database is not one of a metadata service; the text says what is in it instead."""


def require_tables(connection: psycopg.Connection[Any]) -> None:
    """Raise NotMetaflow unless the tables of a metadata service are there."""
    rows = connection.execute(
        "SELECT relname FROM pg_catalog.pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'public'::pg_catalog.regnamespace"
    )
    found = {row[0] for row in rows}
    if missing := [name for name in TABLES if name not in found]:
        others = ", ".join(sorted(found)[:5])
        raise NotMetaflow(f"there is no table {missing[0]} in it, but {others}" if found else "there is no table in it")
