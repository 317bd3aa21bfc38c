"""Numbers of runs and tasks that are not given a second time after a database went back.

What a lost or abandoned run left behind (artifacts in the datastore, a client's notes) is filed under its number; a new
run of that number would read it as its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from metaflow_anywhere.later import psycopg

LARGEST_RUN = 2**31 - 1  # of an integer column
LARGEST_TASK = 2**53  # which JavaScript counts exactly to
LAST_NUMBER = "SELECT pg_catalog.pg_sequence_last_value(pg_catalog.pg_get_serial_sequence(%s, %s)::pg_catalog.regclass)"
LOST_RUNS = 10_000  # more than are begun in what a mirror may lack; 200,000 such jumps fit in a run's number
LOST_TASKS = 1_000_000  # a hundred of each of those; 9e9 such jumps fit in a task's number
RUNS, TASKS = ("public.runs_v3", "run_number"), ("public.tasks_v3", "task_id")
SET = "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence(%s, %s)::pg_catalog.regclass, %s)"


def skip_numbers(
    connection: psycopg.Connection[Any], datastores: Iterable[Path], call: Callable[..., int] = lambda one, *a: one(*a)
) -> None:
    """Have new runs and tasks get numbers that neither the lost part of this database's history gave, nor a folder of
    the local ``datastores`` has, each of which is looked at by ``call``. A database without our tables is left as
    it is."""
    there = connection.execute("SELECT pg_catalog.to_regclass('public.tasks_v3') IS NOT NULL").fetchone()
    if there != (True,):
        return
    places = list(datastores)
    runs, tasks = _last(connection, *RUNS), _last(connection, *TASKS)
    stored = max((call(largest_run, root) for root in places), default=0)
    begun = max((call(largest_task, root, runs) for root in places), default=0)
    connection.execute(SET, [*RUNS, max(runs, stored) + LOST_RUNS])
    connection.execute(SET, [*TASKS, max(tasks, begun) + LOST_TASKS])


def _last(connection: psycopg.Connection[Any], table: str, column: str) -> int:
    found = connection.execute(LAST_NUMBER, [table, column]).fetchone()
    return (found and found[0]) or 0


def largest_run(datastore: Path) -> int:
    """The largest number of a run that has a folder in the local ``datastore`` (0: none)."""
    largest = 0
    for flow in _folders(datastore / ".metaflow"):
        for run in _folders(flow):
            if run.name.isascii() and run.name.isdigit() and int(run.name) + LOST_RUNS < LARGEST_RUN:
                largest = max(largest, int(run.name))
    return largest


def largest_task(datastore: Path, since: int) -> int:
    """The largest number of a task that has a folder below a run of the number ``since`` or a later one (0: none).

    Runs that a database has lost are later than all that it knows, so that few folders are looked at.
    """
    largest = 0
    for flow in _folders(datastore / ".metaflow"):
        for run in _folders(flow):
            if not (run.name.isascii() and run.name.isdigit() and int(run.name) >= since):
                continue
            for step in _folders(run):
                for task in _folders(step):
                    if task.name.isascii() and task.name.isdigit() and int(task.name) + LOST_TASKS < LARGEST_TASK:
                        largest = max(largest, int(task.name))
    return largest


def _folders(place: Path) -> list[Path]:
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir()]
    return []
