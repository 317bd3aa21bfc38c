"""The pool: never more connections than allowed, nobody left waiting, and no memory of a lost server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from metaflow_anywhere.database.pool import KEPT_IDLE, TRUSTED_SECONDS, Pool, Unavailable


def with_pool(
    conninfo: str, work: Callable[[Pool], Awaitable[None]], *, size: int = 2, wait: float = 5, idle: float = 60
) -> None:
    """Run ``work`` on a pool in an event loop of its own."""

    async def main() -> None:
        pool = Pool(conninfo, size=size, wait_seconds=wait, statement_seconds=1, idle_seconds=idle)
        try:
            await work(pool)
        finally:
            await pool.close()

    asyncio.run(main())


async def pid(pool: Pool) -> int:
    async with pool.connection() as connection:
        return connection.info.backend_pid


def test_a_connection_is_used_again(empty: str) -> None:
    async def work(pool: Pool) -> None:
        assert await pid(pool) == await pid(pool)

    with_pool(empty, work)


def test_there_are_never_more_than_its_size_and_all_get_their_turn(empty: str) -> None:
    async def work(pool: Pool) -> None:
        async def once() -> int:
            async with pool.connection() as connection:
                await connection.execute("SELECT pg_sleep(0.001)")
                return connection.info.backend_pid

        pids = await asyncio.gather(*(once() for _ in range(200)))
        assert len(set(pids)) <= 2

    with_pool(empty, work)


def test_who_waits_too_long_is_told_and_the_turn_is_not_lost(empty: str) -> None:
    async def work(pool: Pool) -> None:
        first, second = await pool.take(), await pool.take()
        with pytest.raises(Unavailable, match=r"no database connection was free for 0\.05 seconds"):
            await pool.take()
        waiting = asyncio.ensure_future(pool.take())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        pool.give(first)
        pool.give(second)
        pool.give(await pool.take())

    with_pool(empty, work, wait=0.05)


def test_a_turn_given_to_somebody_who_just_left_goes_to_the_next(empty: str) -> None:
    async def work(pool: Pool) -> None:
        only = await pool.take()
        leaving, staying = asyncio.ensure_future(pool.take()), asyncio.ensure_future(pool.take())
        await asyncio.sleep(0)
        pool.give(only)  # the turn is given to `leaving` ...
        leaving.cancel()  # ... which never comes to take it
        pool.give(await asyncio.wait_for(staying, 5))
        await asyncio.gather(leaving, return_exceptions=True)
        pool.give(await asyncio.wait_for(pool.take(), 5))

    with_pool(empty, work, size=1)


def test_a_connection_that_the_server_closed_is_replaced_unnoticed(empty: str, postgres_conninfo: str) -> None:
    async def work(pool: Pool) -> None:
        lost = await pid(pool)
        with psycopg.connect(postgres_conninfo, autocommit=True) as operator:
            operator.execute("SELECT pg_terminate_backend(%s, 5000)", (lost,))
        await asyncio.sleep(2 * TRUSTED_SECONDS)  # younger ones are not looked at
        assert await pid(pool) != lost

    with_pool(empty, work)


def test_connections_that_nobody_uses_are_closed_but_for_the_one_used_last(empty: str) -> None:
    async def work(pool: Pool) -> None:
        taken = [await pool.take() for _ in range(8)]
        for connection in taken:
            pool.give(connection)
        while sum(not one.closed for one in taken) > KEPT_IDLE:
            await asyncio.sleep(0.01)
        assert not taken[-1].closed
        assert await pid(pool) == taken[-1].info.backend_pid

    with_pool(empty, work, size=8, idle=0.05)


def test_connections_in_use_are_not_closed(empty: str) -> None:
    async def work(pool: Pool) -> None:
        used, unused, last = [await pool.take() for _ in range(3)]
        pool.give(unused)
        pool.give(last)
        while not unused.closed:
            await asyncio.sleep(0.01)
        assert not used.closed
        pool.give(used)

    with_pool(empty, work, size=3, idle=0.05)


def test_a_connection_left_inside_a_transaction_is_not_used_again(empty: str) -> None:
    async def work(pool: Pool) -> None:
        async with pool.connection() as connection:
            await connection.execute("BEGIN")
            left = connection.info.backend_pid
        assert await pid(pool) != left

    with_pool(empty, work)


def test_statements_are_cut(empty: str) -> None:
    async def work(pool: Pool) -> None:
        with pytest.raises(psycopg.errors.QueryCanceled):
            async with pool.connection() as connection:
                await connection.execute("SELECT pg_sleep(30)")
        assert await pid(pool)

    with_pool(empty, work)


def test_a_server_that_is_not_there_is_told_at_once_and_keeps_no_place(free_port: int) -> None:
    async def work(pool: Pool) -> None:
        for _ in range(5):
            with pytest.raises(Unavailable, match="the database does not answer"):
                await pool.take()

    with_pool(f"host=127.0.0.1 port={free_port} user=postgres dbname=postgres", work)


def test_a_shorter_limit_is_for_one_question_only(postgres_conninfo: str) -> None:
    async def scenario() -> None:
        pool = Pool(postgres_conninfo, size=1, wait_seconds=5, statement_seconds=60)
        with pytest.raises(psycopg.errors.QueryCanceled):
            await pool.fetch("SELECT pg_sleep(30)", {}, seconds=0.2)
        assert (await pool.fetch("SHOW statement_timeout", {}, seconds=0.3)).get_value(0, 0) == b"300ms"
        assert (await pool.fetch("SHOW statement_timeout", {})).get_value(0, 0) == b"1min"
        await pool.close()

    asyncio.run(scenario())


def test_a_question_that_nobody_waits_for_is_stopped_in_the_server(postgres_conninfo: str) -> None:
    async def scenario() -> None:
        pool = Pool(postgres_conninfo, size=1, wait_seconds=5, statement_seconds=60)
        sleeping = asyncio.create_task(pool.fetch("SELECT pg_sleep(54)", {}))
        await asyncio.sleep(0.3)
        sleeping.cancel()
        running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(54)'"
        started = time.monotonic()
        while (await pool.fetch(running, {})).get_value(0, 0) != b"0":  # with the only turn there is
            assert time.monotonic() - started < 10
        await pool.close()

    asyncio.run(scenario())
