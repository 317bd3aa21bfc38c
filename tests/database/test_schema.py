"""The schema's steps: once, in order, all or nothing, and on a database that others made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from metaflow_anywhere.database import schema
from metaflow_anywhere.database.schema import Migration, SchemaError

TABLES = ["artifact_v3", "flows_v3", "metadata_v3", "runs_v3", "steps_v3", "tasks_v3"]


def tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    return [name for (name,) in rows]


def use_steps(monkeypatch: pytest.MonkeyPatch, steps: list[Migration]) -> None:
    monkeypatch.setattr(schema, "available", lambda: steps)


def test_steps_are_applied_once_and_in_order(connection: psycopg.Connection) -> None:
    told: list[str] = []
    assert schema.pending(connection) == schema.available()
    assert tables(connection) == []
    applied = schema.apply(connection, told.append)
    assert [step.version for step in applied] == list(range(1, len(schema.available()) + 1))
    assert len(told) == len(applied)
    assert tables(connection) == TABLES
    assert schema.pending(connection) == []
    assert schema.apply(connection, told.append) == []
    assert len(told) == len(applied)


def test_two_at_once_do_the_work_once(empty: str) -> None:
    def apply(_: int) -> int:
        with psycopg.connect(empty, autocommit=True) as connection:
            return len(schema.apply(connection))

    with ThreadPoolExecutor(4) as pool:
        counts = sorted(pool.map(apply, range(4)))
    assert counts == [0, 0, 0, len(schema.available())]


def test_a_step_that_fails_leaves_no_trace_and_the_ones_before_it_stay(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = schema.available()
    broken = Migration(len(steps) + 1, "broken", "CREATE TABLE half (n int); SELECT 1/0;")
    use_steps(monkeypatch, [*steps, broken])
    with pytest.raises(SchemaError, match=f"step {broken.version} .broken. of the schema failed: division by zero"):
        schema.apply(connection)
    assert tables(connection) == TABLES
    assert schema.pending(connection) == [broken]
    mended = Migration(broken.version, "mended", "CREATE TABLE whole (n int)")
    use_steps(monkeypatch, [*steps, mended])
    assert schema.apply(connection) == [mended]
    assert "whole" in tables(connection)


def test_a_crash_between_two_steps_is_resumed(connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = schema.available()
    use_steps(monkeypatch, steps[:1])
    schema.apply(connection)
    monkeypatch.undo()
    assert schema.apply(connection) == steps[1:]


def test_an_edited_step_is_refused(connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = schema.available()
    schema.apply(connection)
    use_steps(monkeypatch, [*steps[:1], Migration(2, steps[1].name, steps[1].text + "-- better"), *steps[2:]])
    with pytest.raises(
        SchemaError, match=f"step 2 .indexes. is not the file .* version {len(steps)}, wanted {len(steps)}"
    ):
        schema.apply(connection)


def test_a_newer_database_is_refused(connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = schema.available()
    schema.apply(connection)
    use_steps(monkeypatch, steps[:-1])
    with pytest.raises(
        SchemaError, match=f"version {len(steps)}, and this program knows versions up to {len(steps) - 1}"
    ):
        schema.pending(connection)


def test_a_database_of_the_official_migrations_is_taken_over(connection: psycopg.Connection) -> None:
    """It is stood in for by the same tables without our record of them; its rows and indexes stay as they are."""
    for step in schema.available()[: schema.OFFICIAL_STEPS]:
        connection.execute(step.text.encode())
    connection.execute("INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES ('Theirs', 1)")
    rest = schema.available()[schema.OFFICIAL_STEPS :]
    assert schema.pending(connection) == rest
    assert schema.apply(connection) == rest
    assert connection.execute("SELECT flow_id FROM flows_v3").fetchall() == [("Theirs",)]
    assert schema.apply(connection) == []


def test_a_database_of_an_old_official_release_is_refused_by_name(connection: psycopg.Connection) -> None:
    for step in schema.available()[: schema.OFFICIAL_STEPS]:
        connection.execute(step.text.encode())
    connection.execute("ALTER TABLE tasks_v3 DROP COLUMN last_heartbeat_ts")
    with pytest.raises(SchemaError, match=r"without tasks_v3\.last_heartbeat_ts .* wanted \d"):
        schema.apply(connection)


def test_files_must_count_without_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_folder", lambda: tmp_path)
    with pytest.raises(SchemaError, match="without a gap"):
        schema.available()
    (tmp_path / "001_a.sql").write_text("SELECT 1")
    (tmp_path / "003_c.sql").write_text("SELECT 3")
    with pytest.raises(SchemaError, match=r"without a gap: \[1, 3\]"):
        schema.available()
    (tmp_path / "notes.sql").write_text("")
    with pytest.raises(SchemaError, match="not named like"):
        schema.available()
