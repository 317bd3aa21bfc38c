"""``python bench/ui_backend/events.py``: from POST to WebSocket, and a flood of 300,000 rows before 200 sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import psutil
import psycopg
from fill import fill
from places import database, program

EVENTS = 300
SOCKETS, ROWS, ROWS_AT_ONCE = 200, 300_000, 200
WATCHED = ("/runs?_limit=30", "/flows/Flood/runs", "/flows/Flood/runs/{run}/tasks", "/flows/Flood/runs/{run}/steps",
           "/flows/Flood/runs/{run}/metadata")  # fmt: skip
FLOOD = """
    WITH t AS (
        INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch, last_heartbeat_ts)
        SELECT 'Flood', %(run)s, 'work', n, extract(epoch FROM now()) FROM generate_series(1, %(tasks)s) n
        RETURNING task_id
    )
    INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch, tags)
    SELECT 'Flood', %(run)s, 'work', task_id, field, '0', field, 1, '["attempt_id:0"]'
    FROM t, unnest(ARRAY['attempt', 'runtime', 'user', 'ds-type', 'ds-root', 'script-name', 'v', 'x', 'y']) AS field
"""


async def latency(service: str, ui: str) -> list[float]:
    """Milliseconds from sending a POST to its event, one after the other."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{ui}/ws") as socket:

        async def post(path: str, body: Any) -> Any:
            async with session.post(service + path, json=body) as answer:
                return json.loads(await answer.text())

        await post("/flows/Latency", {})
        run = (await post("/flows/Latency/run", {}))["run_number"]
        await post(f"/flows/Latency/runs/{run}/steps/work/step", {})
        resource = f"/flows/Latency/runs/{run}/tasks"
        await socket.send_json({"type": "SUBSCRIBE", "uuid": "one", "resource": resource})
        times, seen = [], set[int]()
        for _ in range(EVENTS):
            started = time.perf_counter()
            made = asyncio.ensure_future(post(f"/flows/Latency/runs/{run}/steps/work/task", {}))
            # A service that has just come makes the UI backend tell once more what it wrote in its first seconds.
            while (task := (await socket.receive_json())["data"]["task_id"]) in seen:
                pass
            seen.add(task)
            times.append((time.perf_counter() - started) * 1000)
            await made
            await asyncio.sleep(0.02)
        return times


@contextlib.asynccontextmanager
async def sockets(ui: str, run: int) -> AsyncIterator[dict[str, int]]:
    """Browsers that read what they are sent; counts of messages and of sockets lost."""
    counts = {"messages": 0, "lost": 0}
    ending = False
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        opened = [await session.ws_connect(f"{ui}/ws", max_msg_size=0) for _ in range(SOCKETS)]

        async def read(socket: aiohttp.ClientWebSocketResponse) -> None:
            async for _ in socket:
                counts["messages"] += 1
            counts["lost"] += not ending

        for socket in opened:
            for number, path in enumerate(WATCHED):
                resource = path.format(run=run)
                await socket.send_json({"type": "SUBSCRIBE", "uuid": str(number), "resource": resource})
        reading = [asyncio.create_task(read(socket)) for socket in opened]
        yield counts
        ending = True
        for socket in opened:
            await socket.close()
        await asyncio.gather(*reading)


def write_flood(conninfo: str, run: int) -> None:
    """Insert the rows, in statements of ROWS_AT_ONCE."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for _ in range(ROWS // ROWS_AT_ONCE):
            connection.execute(FLOOD, {"run": run, "tasks": ROWS_AT_ONCE // 10})


async def flood(conninfo: str, ui: str, process: psutil.Process) -> str:
    """What the UI backend goes through while the rows are written, in words."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES ('Flood', 0)")
        row = connection.execute(
            "INSERT INTO runs_v3 (flow_id, ts_epoch, last_heartbeat_ts) VALUES ('Flood', 1, extract(epoch FROM now()))"
            " RETURNING run_number"
        ).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO steps_v3 (flow_id, run_number, step_name, ts_epoch) VALUES ('Flood', %s, 'work', 1)", row
        )
    memory, pings = 0, []
    async with sockets(ui, row[0]) as counts, aiohttp.ClientSession() as session:
        started = time.perf_counter()
        writing = asyncio.create_task(asyncio.to_thread(write_flood, conninfo, row[0]))
        while not writing.done():
            asked = time.perf_counter()
            async with session.get(f"{ui}/ping") as answer:
                await answer.read()
            pings.append((time.perf_counter() - asked) * 1000)
            memory = max(memory, process.memory_info().rss)
            await asyncio.sleep(0.05)
        await writing
        seconds = time.perf_counter() - started
    pings.sort()
    return (
        f"{ROWS} rows in {seconds:.0f} s, {SOCKETS} sockets of {len(WATCHED)} subscriptions: {counts['lost']} lost, "
        f"{counts['messages']} messages, memory at most {memory / 2**20:.0f} MiB, "
        f"/ping median {statistics.median(pings):.1f} ms, p99 {pings[int(len(pings) * 0.99)]:.1f}, most {pings[-1]:.1f}"
    )


def main() -> None:
    with database() as conninfo:
        fill(conninfo, 1000)
        started = time.perf_counter()
        with program("ui_backend", conninfo) as (ui, popen), program("service", conninfo) as (service, _):
            print(f"listening after {time.perf_counter() - started:.2f} s (both programs)")
            process = psutil.Process(popen.pid)
            print(f"idle: {process.memory_info().rss / 2**20:.0f} MiB")
            times = sorted(asyncio.run(latency(service, ui)))
            late = times[int(len(times) * 0.99)]
            print(f"POST to WebSocket: median {statistics.median(times):.1f} ms, p99 {late:.1f} ms")
            print(asyncio.run(flood(conninfo, ui, process)))


if __name__ == "__main__":
    main()
