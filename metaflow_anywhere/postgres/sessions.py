"""How we connect as a superuser to a database that others fill: nothing they made may run in our place."""

from __future__ import annotations

from metaflow_anywhere.later import psycopg

# A setting of the connection wins over those of a database and a role (ALTER DATABASE/ROLE ... SET).
ONLY_BUILT_IN = "-c search_path=pg_catalog"


def guarded(conninfo: str, **changes: str) -> str:
    """``conninfo`` with ``changes``, in whose sessions a name that is not qualified is one of PostgreSQL's own."""
    return psycopg.conninfo.make_conninfo(conninfo, **{**changes, "options": ONLY_BUILT_IN})
