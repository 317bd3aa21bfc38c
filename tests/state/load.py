"""A writer that keeps its own record of what was acknowledged: ``python -m tests.state.load CONNINFO RECORD KIND``.

Each line of the record is ``number time``, written after the commit of row ``number`` of the table ``t``.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import psycopg

BIG_ROWS = 130_000  # with their indexes, 40 MB


def prepare(conninfo: str, kind: str) -> None:
    """The tables: ``t``, and for the heavy kind 40 MB that are changed all over."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id bigint PRIMARY KEY, said text)")
        if kind == "heavy":
            connection.execute("CREATE TABLE big (id int PRIMARY KEY, value bigint, pad text)")
            connection.execute(
                "INSERT INTO big SELECT n, 0, repeat(md5(n::text), 6) FROM generate_series(1, %s) n", [BIG_ROWS]
            )
            connection.execute("CREATE INDEX big_value ON big (value)")


def main(conninfo: str, record: Path, kind: str) -> None:
    """Commit row after row until killed."""
    with psycopg.connect(conninfo) as connection, record.open("a", buffering=1) as file:
        for number in range(1, 10_000_000):
            connection.execute("INSERT INTO t VALUES (%s, %s)", [number, "x" * 100])
            if kind == "heavy":
                rows = random.sample(range(1, BIG_ROWS), 20)
                connection.execute("UPDATE big SET value = value + %s WHERE id = ANY(%s)", [number, rows])
            connection.commit()
            file.write(f"{number} {time.time()}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
