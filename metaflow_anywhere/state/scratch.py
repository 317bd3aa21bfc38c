"""A database for a file that nobody vouches for: in a throw-away cluster, for a role without rights.

Whatever the file holds runs as that role: it may make and fill tables there, and nothing else anywhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from metaflow_anywhere.postgres import Cluster, Programs
from metaflow_anywhere.postgres.sessions import guarded

LOADER, DATABASE = "loader", "scratch"
# The owner of a database may change its settings and add extensions, whose scripts run as the superuser: so it is none.
IN_CLUSTER = (
    f"CREATE ROLE {LOADER} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    f"CREATE DATABASE {DATABASE}",
    f"REVOKE ALL ON DATABASE postgres, template1, {DATABASE} FROM PUBLIC",
    f"GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {DATABASE} TO {LOADER}",
)
IN_DATABASE = (f"ALTER SCHEMA public OWNER TO {LOADER}",)


@contextlib.contextmanager
def scratch_database(programs: Programs, templates: Path, data: Path, log: Path | None = None) -> Iterator[str]:
    """Serve an empty database for as long as the block lasts; yields the conninfo of its role.

    The cluster is made in ``data``, which is the caller's to remove. No superuser connects once the block runs.
    """
    cluster = Cluster(programs, data)
    cluster.create(templates)
    options = {"extension_control_path": str(data / "no-extensions"), "max_prepared_transactions": "0"}
    with cluster.private_server(log, options=options) as conninfo:
        for database, statements in (("postgres", IN_CLUSTER), (DATABASE, IN_DATABASE)):
            with psycopg.connect(guarded(conninfo, dbname=database), autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement.encode())
        yield make_conninfo(conninfo, user=LOADER, dbname=DATABASE)
