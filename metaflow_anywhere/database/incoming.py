"""The rows of another metadata database, brought into a new one of ours: rows only, whatever else is in the other.

Its functions, triggers, rules, types and settings stay behind, and the rows are read as the role that loaded them:
a generated column or a policy of the other database can do no more than that role may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from metaflow_anywhere.database import schema
from metaflow_anywhere.database.numbers import LARGEST_RUN, LAST_NUMBER
from metaflow_anywhere.database.official import NUMBERED, TABLES, require_tables

Connection = psycopg.Connection[Any]
PLAIN_TABLE = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass(%s) AND relkind = 'r')"
COLUMNS = """
SELECT attname FROM pg_catalog.pg_attribute
WHERE attrelid = pg_catalog.to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
FORMER_PLACES = ("anywhere", "datastores")
READ_ONLY = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def bring_rows(source: Connection, target: Connection, say: Callable[[str], None] = lambda text: None) -> None:
    """Copy what is in ``source`` into ``target``, which has the schema and no rows; both are in autocommit mode.

    Raises official.NotMetaflow, schema.SchemaError, and psycopg.Error if the rows do not fit together.
    """
    source.execute("SET search_path = pg_catalog")
    require_tables(source)
    _require_version(source)
    target.execute("SET anywhere.publishes = 'on'")  # nobody is there to be told of each row
    source.execute(READ_ONLY)
    with target.transaction():
        for table in TABLES:
            _copy(source, target, ("public", table), say)
        if _is_plain(source, ".".join(FORMER_PLACES)):
            _copy(source, target, FORMER_PLACES, say)
        for table, column in NUMBERED:
            _go_on(source, target, table, column)
    source.execute("ROLLBACK")


def _require_version(source: Connection) -> None:
    """Raise SchemaError if the tables are of a newer release of ours, or an older one of the official service."""
    if _is_plain(source, "anywhere.schema_steps"):
        row = source.execute("SELECT pg_catalog.max(version) FROM ONLY anywhere.schema_steps").fetchone()
        schema.require_known((row and row[0]) or 0)
    found = {table: set(_columns(source, f"public.{table}")) for table in TABLES}
    schema.require_columns(found)


def _copy(source: Connection, target: Connection, table: tuple[str, str], say: Callable[[str], None]) -> None:
    dotted = ".".join(table)
    wanted, there = _columns(target, dotted), _columns(source, dotted)
    columns = [name for name in wanted if name in there]
    if unknown := sorted(set(there) - set(wanted)):
        say(f"{dotted}: left out, since this version does not know it: {', '.join(unknown)}")
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    place = sql.Identifier(*table)
    read = sql.SQL("COPY (SELECT {} FROM ONLY {}) TO STDOUT").format(names, place)
    write = sql.SQL("COPY {} ({}) FROM STDIN").format(place, names)
    with source.cursor().copy(read) as rows, target.cursor().copy(write) as into:
        for block in rows:
            into.write(block)


def _go_on(source: Connection, target: Connection, table: str, column: str) -> None:
    """Have the numbers of ``target`` go on after the largest in use, and after those that ``source`` has used up."""
    used = source.execute(LAST_NUMBER, [f"public.{table}", column]).fetchone()
    largest = sql.SQL("SELECT pg_catalog.max({}) FROM {}").format(
        sql.Identifier(column), sql.Identifier("public", table)
    )
    kept = target.execute(largest).fetchone()
    last = max((used and used[0]) or 0, (kept and kept[0]) or 0)
    if last >= LARGEST_RUN and table == "runs_v3":
        last = (kept and kept[0]) or 0  # what a sequence says that no row can have is not believed
    if last:
        target.execute(
            "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence(%s, %s)::pg_catalog.regclass, %s)",
            [f"public.{table}", column, last],
        )


def _is_plain(connection: Connection, table: str) -> bool:
    return connection.execute(PLAIN_TABLE, [table]).fetchone() == (True,)


def _columns(connection: Connection, table: str) -> list[str]:
    return [row[0] for row in connection.execute(COLUMNS, [table])]
