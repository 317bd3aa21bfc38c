"""The publisher: what is noted is told in few payloads, and readers can see when some may have been lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import psycopg
import uvloop
from psycopg import AsyncConnection

from metaflow_anywhere.database.feed import CHANNEL, PUBLISHER, PUBLISHES, Change, parse_payload
from metaflow_anywhere.database.publisher import Publisher
from tests.service.running import await_condition

SESSIONS = f"SELECT pid FROM pg_stat_activity WHERE application_name = '{PUBLISHER}' AND datname = current_database()"


def keys(number: int, length: int = 1) -> bytes:
    return json.dumps({"flow_id": "F" * length, "run_number": number}).encode()


def heard(conninfo: str, work: Callable[[Publisher], Awaitable[None]]) -> list[Change]:
    """What a listener hears of what ``work`` tells, up to a flow that is called the end."""

    async def main() -> list[Change]:
        async with await AsyncConnection.connect(conninfo, autocommit=True) as listener:
            await listener.execute(f"LISTEN {CHANNEL}")
            publisher = Publisher(conninfo)
            running = asyncio.create_task(publisher.run())
            await work(publisher)
            publisher.tell("flows_v3", "DELETE", b'{"flow_id": "the end"}')
            changes = []
            async for notification in listener.notifies(timeout=60):
                change = parse_payload(notification.payload)
                if change.operation == "DELETE":
                    break
                changes.append(change)
            else:
                raise AssertionError("the end was not heard")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return changes

    return uvloop.run(main())


def test_what_is_noted_at_once_is_told_in_one_payload_of_each_kind(database: str) -> None:
    async def work(publisher: Publisher) -> None:
        for number in range(3):
            publisher.tell("runs_v3", "INSERT", keys(number))
            publisher.tell("tasks_v3", "INSERT", None)
        publisher.tell("runs_v3", "UPDATE", keys(1) + b"," + keys(2))

    runs = [{"flow_id": "F", "run_number": number} for number in range(3)]
    assert heard(database, work) == [Change("runs_v3", "INSERT", runs), Change("runs_v3", "UPDATE", runs[1:])]


def test_a_burst_and_the_longest_names_fit_into_payloads(database: str) -> None:
    async def work(publisher: Publisher) -> None:
        for number in range(1000):
            publisher.tell("runs_v3", "INSERT", keys(number, 3000 if number % 50 == 0 else 1))

    changes = heard(database, work)
    assert [row["run_number"] for change in changes for row in change.rows] == list(range(1000))
    assert len(changes) < 60


def test_a_lost_session_comes_back_as_another(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as operator:

        def sessions() -> set[int]:
            return {pid for (pid,) in operator.execute(SESSIONS)}

        async def work(publisher: Publisher) -> None:
            first = await asyncio.to_thread(await_condition, sessions, 10, "it is there")
            operator.execute("SELECT pg_terminate_backend(%s, 5000)", (first.pop(),))
            publisher.tell("runs_v3", "INSERT", keys(1))  # perhaps lost: this is what the other session tells readers
            await asyncio.to_thread(await_condition, lambda: sessions() - first, 10, "another is there")

        heard(database, work)


def test_the_end_waits_for_what_is_untold(database: str) -> None:
    async def main() -> list[str]:
        async with await AsyncConnection.connect(database, autocommit=True) as listener:
            await listener.execute(f"LISTEN {CHANNEL}")
            publisher = Publisher(database)
            running = asyncio.create_task(publisher.run())
            publisher.tell("runs_v3", "INSERT", keys(1))
            await publisher.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return [one.payload async for one in listener.notifies(timeout=60, stop_after=1)]

    assert len(uvloop.run(main())) == 1


def test_without_a_database_nothing_is_kept_for_ever(free_port: int) -> None:
    async def main() -> None:
        publisher = Publisher(f"host=127.0.0.1 port={free_port} user=postgres dbname=postgres")
        running = asyncio.create_task(publisher.run())
        for number in range(100_000):
            publisher.tell("runs_v3", "INSERT", keys(number))
        assert sum(len(rows) for rows in publisher._untold.values()) <= 10_000
        await publisher.close()  # not for ever either
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    uvloop.run(main())


def test_triggers_pass_over_sessions_that_publish_themselves(database: str) -> None:
    async def work(publisher: Publisher) -> None:
        for options, flow in ((PUBLISHES, "Silent"), ("", "Told")):
            async with await AsyncConnection.connect(database, autocommit=True, options=options) as writer:
                await writer.execute("INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES (%s, 1)", (flow,))
                await writer.execute("UPDATE flows_v3 SET tags = '[]' WHERE flow_id = %s", (flow,))
                run = "INSERT INTO runs_v3 (flow_id, run_number, ts_epoch) VALUES (%s, %s, 1)"
                await writer.execute(run, (flow, len(flow)))
                await writer.execute("UPDATE runs_v3 SET tags = '[]' WHERE flow_id = %s", (flow,))
                step = "INSERT INTO steps_v3 (flow_id, run_number, step_name, ts_epoch) VALUES (%s, %s, 's', 1)"
                await writer.execute(step, (flow, len(flow)))
                await writer.execute("UPDATE steps_v3 SET tags = '[]' WHERE flow_id = %s", (flow,))
                task = "INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch) VALUES (%s, %s, 's', 1)"
                await writer.execute(task, (flow, len(flow)))
                await writer.execute(
                    "INSERT INTO metadata_v3"
                    " (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch)"
                    " VALUES (%s, 1, 's', 1, 'attempt', '0', 't', 1)",
                    (flow,),
                )

    changes = heard(database, work)
    assert {row["flow_id"] for change in changes for row in change.rows} == {"Told"}
    assert len(changes) == 8
