"""What has to be done to a database that an official service used, once it is ours."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

TABLES = ("flows_v3", "runs_v3", "steps_v3", "tasks_v3", "metadata_v3", "artifact_v3")
NUMBERED = (("runs_v3", "run_number"), ("tasks_v3", "task_id"), ("metadata_v3", "id"))
# Made by an official UI backend whenever it starts. Ours listens to a feed of its own, and these would fire for nobody,
# once a row, and let the writing of a row fail whose keys are too long for a notification.
THEIR_TRIGGERS = r"""
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace AND t.tgname LIKE 'notify\_ui\_%'
"""


class NotMetaflow(Exception):
    """The database is not one of a metadata service; the text says what is in it instead."""


def require_tables(connection: psycopg.Connection[Any]) -> None:
    """Raise NotMetaflow unless the tables of a metadata service are there."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    found = {row[0] for row in rows}
    if missing := [name for name in TABLES if name not in found]:
        others = ", ".join(sorted(found)[:5])
        raise NotMetaflow(f"there is no table {missing[0]} in it, but {others}" if found else "there is no table in it")


def settle(connection: psycopg.Connection[Any]) -> None:
    """Have numbers go on after the largest in use, and drop the triggers of an official UI backend."""
    with connection.transaction():
        for table, column in NUMBERED:
            connection.execute(
                sql.SQL(
                    "SELECT setval(pg_get_serial_sequence({name}, {column}), greatest(max({field}), 1), count(*) > 0) "
                    "FROM {table} HAVING coalesce(max({field}), 0) >= "
                    "coalesce(pg_sequence_last_value(pg_get_serial_sequence({name}, {column})), 0)"
                ).format(
                    name=sql.Literal(table), column=sql.Literal(column), field=sql.Identifier(column),
                    table=sql.Identifier(table),
                )
            )  # fmt: skip
        for table, trigger in connection.execute(THEIR_TRIGGERS).fetchall():
            connection.execute(sql.SQL("DROP TRIGGER {} ON {}").format(sql.Identifier(trigger), sql.Identifier(table)))
