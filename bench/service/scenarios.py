"""What is measured: the write path of one client, point reads, and whole lists. Over HTTP, and as plain SQL."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

from generator import Sample, Work, encoded, request
from psycopg import AsyncConnection

from metaflow_anywhere.service import artifacts, metadata, runs, steps, tasks

FLOW = "Bench"
TAGS = {
    "tags": ["bench"],
    "system_tags": ["user:ann", "metaflow_version:2.19.39", "runtime:dev", "python_version:3.11"],
}
BY = {"user_name": "ann", **TAGS}
ATTEMPT = {"user_name": "ann", "tags": ["attempt_id:0"]}
TASKS_OF_RUN = 200  # then the client begins another


def _metadata(count: int) -> list[dict[str, Any]]:
    rows = [{"field_name": f"field-{n}", "value": f"value {n}", "type": "t", **ATTEMPT} for n in range(count)]
    rows[0].update(field_name="attempt" if count > 2 else "attempt_ok", value="0")
    return rows


FIRST_METADATA, LAST_METADATA = encoded(_metadata(11)), encoded(_metadata(2))
ARTIFACTS = encoded(
    [
        {"name": f"artifact_{n}", "location": ":root:/data/.metaflow", "ds_type": "local", "sha": "0" * 40,
         "type": "metaflow.artifact", "content_type": "pickle-v4", "attempt_id": 0, **ATTEMPT}
        for n in range(6)
    ]
)  # fmt: skip
CREATED_BY = encoded(BY)


def _id(answer: bytes, key: str) -> bytes:
    return str(json.loads(answer)[key]).encode()


def write_path(prefix: str = "") -> Work:
    """Runs with one step, and in it tasks: five requests each."""
    flow = f"{prefix}/flows/{FLOW}".encode()
    while True:
        run = _id((yield request(b"POST", flow + b"/run", CREATED_BY)), "run_number")
        step = flow + b"/runs/" + run + b"/steps/start"
        yield request(b"POST", step + b"/step", CREATED_BY)
        create = request(b"POST", step + b"/task", CREATED_BY)
        for _ in range(TASKS_OF_RUN):
            task = step + b"/tasks/" + _id((yield create), "task_id")
            yield request(b"POST", task + b"/metadata", FIRST_METADATA)
            yield request(b"POST", task + b"/artifact", ARTIFACTS)
            yield request(b"POST", task + b"/metadata", LAST_METADATA)
            yield request(b"POST", task + b"/heartbeat", b"{}")


def point_reads(paths: list[str], first: int) -> Work:
    """Runs, steps, tasks and artifacts in turn, from a place of one's own on."""
    requests = [request(b"GET", path.encode()) for path in paths]
    for asked in itertools.islice(itertools.cycle(requests), first, None):  # noqa: UP028  (those cannot be sent answers)
        yield asked


class InSQL:
    """The service's statements straight through psycopg, prepared, on a connection of a worker's own."""

    def __init__(self, connection: AsyncConnection[Any], sample: Sample, until: float) -> None:
        self._connection = connection
        self._sample = sample
        self._until = until

    @property
    def _goes_on(self) -> bool:
        return time.perf_counter() < self._until

    async def _timed(self, statement: str, parameters: dict[str, Any]) -> Any:
        """The first column of the first row."""
        started = time.perf_counter()
        cursor = await self._connection.execute(statement, parameters, prepare=True)
        row = await cursor.fetchone()
        self._sample.latencies.append(time.perf_counter() - started)
        assert row is not None
        return row[0]

    async def write_path(self) -> None:
        """As the function of this name does over HTTP."""
        by = {"user_name": "ann", **{name: json.dumps(tags) for name, tags in TAGS.items()}, "beats": True}
        while self._goes_on:
            made = json.loads(await self._timed(runs.CREATE, {"flow": FLOW, "run_id": None, **by}))
            place = {"flow": FLOW, "run_number": str(made["run_number"]), "run_id": None, "step": "start"}
            await self._timed(steps.CREATE, {**place, **by})
            for _ in itertools.takewhile(lambda _: self._goes_on, range(TASKS_OF_RUN)):
                made = json.loads(await self._timed(tasks.CREATE, {**place, **by, "task_name": None}))
                task = {**place, "task_id": str(made["task_id"]), "task_name": None}
                await self._timed(metadata.CREATE, {**task, "rows": FIRST_METADATA.decode()})
                await self._timed(artifacts.CREATE, {**task, "rows": ARTIFACTS.decode()})
                await self._timed(metadata.CREATE, {**task, "rows": LAST_METADATA.decode()})
                await self._timed(tasks.BEAT, task)

    async def point_reads(self, places: list[tuple[str, dict[str, Any]]], first: int) -> None:
        """As the function of this name does over HTTP; ``places`` are statements with their parameters."""
        for statement, parameters in itertools.islice(itertools.cycle(places), first, None):
            if not self._goes_on:
                return
            await self._timed(statement, parameters)

    async def whole_list(self) -> None:
        """All runs, newest first, in one statement and as text."""
        statement = f"SELECT {runs.RUN_ROW} FROM runs_v3 WHERE flow_id = 'Full' ORDER BY ts_epoch DESC, run_number DESC"
        while self._goes_on:
            started = time.perf_counter()
            cursor = await self._connection.execute(statement.replace("%", "%%"), {}, prepare=True)
            assert await cursor.fetchall()
            self._sample.latencies.append(time.perf_counter() - started)


async def in_sql(
    conninfo: str,
    connections: int,
    seconds: float,
    work: Callable[[InSQL, int], Coroutine[Any, Any, None]],
    database_cpu_seconds: Callable[[], float],
) -> Sample:
    """``work`` on so many connections of one process at once. Their sessions publish no changes, as the service's."""
    opened = [
        await AsyncConnection.connect(conninfo, autocommit=True, options="-c anywhere.publishes=on")
        for _ in range(connections)
    ]
    sample = Sample()
    of_database, cpu, started = database_cpu_seconds(), time.process_time(), time.perf_counter()
    workers = [InSQL(connection, sample, started + seconds) for connection in opened]
    await asyncio.gather(*(work(worker, number) for number, worker in enumerate(workers)))
    sample.seconds, sample.own_cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    sample.database_cpu_seconds = database_cpu_seconds() - of_database
    for connection in opened:
        await connection.close()
    return sample
