"""After a way back no number of a run or task is given that a lost one may have had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from metaflow_anywhere.database import schema
from metaflow_anywhere.database.numbers import LOST_RUNS, LOST_TASKS, largest_run, largest_task, skip_numbers


def next_numbers(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    row = connection.execute(
        "SELECT nextval(pg_get_serial_sequence('runs_v3', 'run_number')),"
        " nextval(pg_get_serial_sequence('tasks_v3', 'task_id'))"
    ).fetchone()
    assert row
    return row[0], row[1]


def test_numbers_go_on_past_what_may_be_lost_and_what_is_stored(
    connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    schema.apply(connection)
    assert next_numbers(connection) == (1, 1)
    skip_numbers(connection, [tmp_path])
    assert next_numbers(connection) == (LOST_RUNS + 2, LOST_TASKS + 2)
    (tmp_path / ".metaflow/AFlow/50000").mkdir(parents=True)
    (tmp_path / ".metaflow/AFlow/data").mkdir()
    skip_numbers(connection, [tmp_path / "none", tmp_path])
    assert next_numbers(connection) == (50000 + LOST_RUNS + 1, 2 * LOST_TASKS + 3)


def test_a_database_without_our_tables_is_left_as_it_is(connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    skip_numbers(connection, [tmp_path])


def test_a_folder_with_a_number_that_no_run_can_have_is_passed_over(tmp_path: Path) -> None:
    for name in ("12", "2147483647", "99999999999999", "²", "a3"):
        (tmp_path / ".metaflow/AFlow" / name).mkdir(parents=True)
    (tmp_path / ".metaflow/.DS_Store").touch()
    assert largest_run(tmp_path) == 12


def test_tasks_go_on_past_those_of_lost_runs_however_many_were_lost(tmp_path: Path) -> None:
    for folder in ("3/step/9000001", "3/step/_parameters", "1/step/77000000", "3/step/9007199254740991"):
        (tmp_path / ".metaflow" / "Flow" / folder).mkdir(parents=True)
    assert largest_task(tmp_path, 2) == 9_000_001
    assert largest_task(tmp_path, 1) == 77_000_000
    assert largest_task(tmp_path / "none", 0) == 0
