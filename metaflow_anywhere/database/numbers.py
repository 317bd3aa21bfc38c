"""Numbers of runs and tasks that are not given a second time after a database went back.

What a lost or abandoned run left behind (artifacts in the datastore, a client's notes) is filed under its number; a new
run of that number would read it as its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from metaflow_anywhere.later import psycopg

LARGEST_RUN = 2**31 - 1  # of an integer column
LAST_NUMBER = "SELECT pg_catalog.pg_sequence_last_value(pg_catalog.pg_get_serial_sequence(%s, %s)::pg_catalog.regclass)"
LOST_RUNS = 10_000  # more than are begun in what a mirror may lack; 200,000 such jumps fit in a run's number
LOST_TASKS = 1_000_000  # a hundred of each of those; 9e9 such jumps fit in 2**53, which JavaScript counts exactly to
RUNS, TASKS = ("public.runs_v3", "run_number"), ("public.tasks_v3", "task_id")
SET = "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence(%s, %s)::pg_catalog.regclass, %s)"


def skip_numbers(connection: psycopg.Connection[Any], datastores: Iterable[Path]) -> None:
    """Have new runs and tasks get numbers that neither the lost part of this database's history gave, nor a folder of
    the local ``datastores`` has. A database without our tables is left as it is."""
    there = connection.execute("SELECT pg_catalog.to_regclass('public.tasks_v3') IS NOT NULL").fetchone()
    if there != (True,):
        return
    stored = max((largest_run(root) for root in datastores), default=0)
    for table, column, least, jump in ((*RUNS, stored, LOST_RUNS), (*TASKS, 0, LOST_TASKS)):
        last = connection.execute(LAST_NUMBER, [table, column]).fetchone()
        connection.execute(SET, [table, column, max((last and last[0]) or 0, least) + jump])


def largest_run(datastore: Path) -> int:
    """The largest number of a run that has a folder in the local ``datastore`` (0: none)."""
    largest = 0
    for flow in _folders(datastore / ".metaflow"):
        for run in _folders(flow):
            if run.name.isascii() and run.name.isdigit() and int(run.name) + LOST_RUNS < LARGEST_RUN:
                largest = max(largest, int(run.name))
    return largest


def _folders(place: Path) -> list[Path]:
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir()]
    return []
