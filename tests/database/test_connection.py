"""The short way through libpq: the same answers and errors as a cursor's, and never a wait without end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest
import uvloop

from metaflow_anywhere.database.connection import Connection
from metaflow_anywhere.database.pool import Pool, Unavailable

RUNNERS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
PATIENCE_SECONDS = 10


def with_connection(conninfo: str, work: Callable[[Connection], Awaitable[None]]) -> None:
    async def main() -> None:
        connection = await Connection.connect(conninfo, autocommit=True)
        await asyncio.wait_for(work(connection), 60)
        connection.unwatch()
        await connection.close()

    uvloop.run(main())


def test_values_go_and_come_as_text(empty: str) -> None:
    async def work(connection: Connection) -> None:
        statement = "SELECT %(a)s::text || '%%', %(b)s::boolean, %(c)s::text, %(a)s::text WHERE %(d)s::bigint > 0"
        for text in ("ä", ""):
            row = await connection.fetch(statement, {"a": text, "b": True, "c": None, "d": "1"})
            assert [row.get_value(0, place) for place in range(4)] == [f"{text}%".encode(), b"t", None, text.encode()]
        assert (await connection.fetch(statement, {"a": "", "b": None, "c": None, "d": "0"})).ntuples == 0

    with_connection(empty, work)


def test_values_and_results_larger_than_any_buffer(empty: str) -> None:
    async def work(connection: Connection) -> None:
        for size in (100, 30_000_000, 100):
            row = await connection.fetch("SELECT %(a)s::text", {"a": "x" * size})
            assert row.get_value(0, 0) == b"x" * size

    with_connection(empty, work)


def test_errors_are_psycopgs_and_leave_the_connection_usable(empty: str) -> None:
    async def work(connection: Connection) -> None:
        for statement, values, error in (
            ("SELECT nothing", {}, psycopg.errors.UndefinedColumn),
            ("SELECT 1 / %(a)s::int", {"a": "0"}, psycopg.errors.DivisionByZero),
            ("SELECT %(a)s::text", {"a": "nul \0"}, psycopg.DataError),
        ):
            with pytest.raises(error):
                await connection.fetch(statement, values)
        assert (await connection.fetch("SELECT 1 / %(a)s::int", {"a": "1"})).get_value(0, 0) == b"1"

    with_connection(empty, work)


def test_it_takes_turns_with_cursors(empty: str) -> None:
    async def work(connection: Connection) -> None:
        for number in range(3):
            assert (await connection.fetch("SELECT 'a'", {})).get_value(0, 0) == b"a"
            connection.unwatch()
            cursor = await connection.execute("SELECT %s::int", (number,), prepare=True)
            assert await cursor.fetchone() == (number,)

    with_connection(empty, work)


@RUNNERS
def test_who_waits_for_a_server_that_goes_away_is_told(
    empty: str, postgres_conninfo: str, run: Callable[[Awaitable[None]], None]
) -> None:
    """Many at once, as the server's last words and its going may come together or apart."""

    async def main() -> None:
        pool = Pool(empty, size=20, wait_seconds=5, statement_seconds=60)
        fetching = [asyncio.ensure_future(pool.fetch("SELECT pg_sleep(0.02)", {})) for _ in range(20)]
        await asyncio.gather(*fetching)
        fetching = [asyncio.ensure_future(pool.fetch("SELECT pg_sleep(100)", {})) for _ in range(20)]
        await asyncio.sleep(0.2)
        with psycopg.connect(postgres_conninfo, autocommit=True) as operator:
            operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                (psycopg.conninfo.conninfo_to_dict(empty)["dbname"],),
            )
        done, waiting = await asyncio.wait(fetching, timeout=PATIENCE_SECONDS)
        assert not waiting
        assert all(isinstance(one.exception(), psycopg.OperationalError) for one in done)
        assert (await pool.fetch("SELECT 1", {})).get_value(0, 0) == b"1"
        await pool.close()

    run(main())


@RUNNERS
def test_a_server_that_goes_away_under_a_load_of_short_statements(
    empty: str, postgres_conninfo: str, run: Callable[[Awaitable[None]], None]
) -> None:
    async def main() -> None:
        pool = Pool(empty, size=8, wait_seconds=5, statement_seconds=60)
        ending = False

        async def ask() -> None:
            while not ending:
                try:
                    await pool.fetch("SELECT 1", {})
                except (psycopg.OperationalError, Unavailable):
                    await asyncio.sleep(0)

        asking = [asyncio.ensure_future(ask()) for _ in range(8)]
        with psycopg.connect(postgres_conninfo, autocommit=True) as operator:
            for _ in range(20):
                await asyncio.sleep(0.03)
                operator.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    (psycopg.conninfo.conninfo_to_dict(empty)["dbname"],),
                )
        ending = True
        _, waiting = await asyncio.wait(asking, timeout=PATIENCE_SECONDS)
        assert not waiting
        await pool.close()

    run(main())
