"""The database's schema: numbered files of ``sql/``, applied in order, each recorded with its effect.

The record is kept in a schema of its own (``anywhere``), so that the tables stay exactly those of an official service,
and a database that an official service's migrations made is taken over as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow_anywhere.later import psycopg

LOCK = 0x6D66616E79  # "mfany": the advisory lock that whoever changes the schema holds
FILE_NAME = re.compile(r"(\d{3})_([a-z0-9_]+)\.sql")
# Steps up to this one make what the official migrations make: a database that has it skips them.
OFFICIAL_STEPS = 2
OFFICIAL_COLUMNS = {
    "flows_v3": {"flow_id", "user_name", "ts_epoch", "tags", "system_tags"},
    "runs_v3": {"flow_id", "run_number", "run_id", "last_heartbeat_ts", "tags", "system_tags"},
    "steps_v3": {"flow_id", "run_number", "run_id", "step_name", "tags", "system_tags"},
    "tasks_v3": {"flow_id", "run_number", "run_id", "step_name", "task_id", "task_name", "last_heartbeat_ts"},
    "metadata_v3": {"id", "flow_id", "run_number", "run_id", "step_name", "task_id", "task_name", "field_name"},
    "artifact_v3": {"flow_id", "run_number", "run_id", "step_name", "task_id", "task_name", "attempt_id", "name"},
}
OWN_TABLES = ("schema_steps", "datastores")  # of the schema anywhere: what is worth carrying elsewhere
RECORD = """
    CREATE SCHEMA IF NOT EXISTS anywhere;
    CREATE TABLE IF NOT EXISTS anywhere.schema_steps (
        version integer PRIMARY KEY,
        name text NOT NULL,
        checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        adopted boolean NOT NULL
    )
"""


class SchemaError(Exception):
    """The database's schema cannot be brought to what this version needs; names the current and the wanted version."""


@dataclass(frozen=True, order=True)
class Migration:
    """One step: one file, one transaction."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Tells whether a file is still the one that was applied."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def available() -> list[Migration]:
    """All steps this version has, in order. Raises SchemaError if the files make no unbroken sequence from 1."""
    folder = _folder()
    found = []
    for path in sorted(folder.glob("*.sql")):
        parts = FILE_NAME.fullmatch(path.name)
        if parts is None:
            raise SchemaError(f"{path} is not named like 001_what_it_does.sql")
        found.append(Migration(int(parts[1]), parts[2], path.read_text(encoding="utf-8")))
    if not found or [step.version for step in found] != list(range(1, len(found) + 1)):
        raise SchemaError(
            f"the steps in {folder} do not count from 001 without a gap: {[step.version for step in found]}"
        )
    return found


def pending(connection: psycopg.Connection[Any]) -> list[Migration]:
    """The steps that this database still lacks, in order; changes nothing. Raises SchemaError."""
    steps = available()
    recorded = _recorded(connection)
    wanted = steps[-1].version
    current = max(recorded, default=0)
    require_known(current)
    for step in steps:
        if step.version in recorded and recorded[step.version] != step.checksum:
            raise SchemaError(
                f"step {step.version} ({step.name}) is not the file that was applied to the database (now at schema "
                f"version {current}, wanted {wanted}): a released step must not be edited"
            )
    if not recorded and _is_official(connection):
        return steps[OFFICIAL_STEPS:]
    return [step for step in steps if step.version not in recorded]


def apply(connection: psycopg.Connection[Any], report: Callable[[str], None] | None = None) -> list[Migration]:
    """Apply what is pending and return it; ``report`` gets one line per step.

    ``connection`` must be in autocommit mode. Safe to call from two processes at once (the second waits and then finds
    nothing to do), and again after a crash. Raises SchemaError; a step that fails leaves no trace of itself.
    """
    tell = report or (lambda _: None)
    with _alone(connection):
        todo = pending(connection)
        adopted = (
            [step for step in available()[:OFFICIAL_STEPS] if step not in todo] if not _recorded(connection) else []
        )
        with connection.transaction():
            connection.execute(RECORD)
            for step in adopted:
                _record(connection, step, adopted=True)
        if adopted:
            tell("schema: taken over from an official service")
        for step in todo:
            try:
                with connection.transaction():
                    connection.execute(step.text.encode())
                    _record(connection, step, adopted=False)
            except psycopg.Error as error:
                raise SchemaError(f"step {step.version} ({step.name}) of the schema failed: {error}") from error
            tell(f"schema: step {step.version} ({step.name}) applied")
    return todo


def _folder() -> Path:
    """``sql/`` of the checkout, or the copy inside an installed package."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent / "sql"
    return checkout if (package.parent / "pyproject.toml").is_file() and checkout.is_dir() else package / "sql"


@contextmanager
def _alone(connection: psycopg.Connection[Any]) -> Iterator[None]:
    connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


def _recorded(connection: psycopg.Connection[Any]) -> dict[int, str]:
    """The checksum of each applied step by its version."""
    if connection.execute("SELECT to_regclass('anywhere.schema_steps')").fetchone() == (None,):
        return {}
    return dict(connection.execute("SELECT version, checksum FROM anywhere.schema_steps").fetchall())


def _record(connection: psycopg.Connection[Any], step: Migration, *, adopted: bool) -> None:
    connection.execute(
        "INSERT INTO anywhere.schema_steps (version, name, checksum, adopted) VALUES (%s, %s, %s, %s)",
        (step.version, step.name, step.checksum, adopted),
    )


def _is_official(connection: psycopg.Connection[Any]) -> bool:
    """Whether the tables are there without a record of ours. Raises SchemaError if they are of an older release."""
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = ANY (%s)",
        (list(OFFICIAL_COLUMNS),),
    ):
        found.setdefault(table, set()).add(column)
    if not found:
        return False
    require_columns(found)
    return True


def require_known(version: int) -> None:
    """Raise SchemaError if a database with this version of the schema was used by a newer release."""
    wanted = available()[-1].version
    if version > wanted:
        raise SchemaError(
            f"the database has schema version {version}, and this program knows versions up to {wanted}: "
            "it was used by a newer release"
        )


def require_columns(found: Mapping[str, set[str]]) -> None:
    """Raise SchemaError if the tables, with these columns, are of an older release of the official service."""
    missing = [
        f"{table}.{name}" for table, names in OFFICIAL_COLUMNS.items() for name in names - found.get(table, set())
    ]
    if missing:
        raise SchemaError(
            f"the database has tables of an older official service, without {', '.join(sorted(missing))} "
            f"(schema version unknown, wanted {available()[-1].version}): "
            "let the official migrations bring it to release 2.5 first"
        )
