"""What is measured: the write path of one client, point reads, and whole lists. Over HTTP, and as plain SQL."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from typing import Any

from generator import Connection, Sample, encoded

from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.service import artifacts, metadata, runs, steps, tasks
from metaflow_anywhere.service.messages import one_document

FLOW = "Bench"
TAGS = {
    "tags": ["bench"],
    "system_tags": ["user:ann", "metaflow_version:2.19.39", "runtime:dev", "python_version:3.11"],
}
BY = {"user_name": "ann", **TAGS}
ATTEMPT = {"user_name": "ann", "tags": ["attempt_id:0"]}


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


async def write_path(connection: Connection, worker: int, count: int) -> None:
    """A run with one step, and in it ``count`` tasks: five requests each."""
    run = json.loads(await connection.ask("POST", f"/flows/{FLOW}/run", CREATED_BY))["run_number"]
    step = f"/flows/{FLOW}/runs/{run}/steps/start"
    await connection.ask("POST", f"{step}/step", CREATED_BY)
    for _ in range(count):
        made = json.loads(await connection.ask("POST", f"{step}/task", CREATED_BY))
        task = f"{step}/tasks/{made['task_id']}"
        await connection.ask("POST", f"{task}/metadata", FIRST_METADATA)
        await connection.ask("POST", f"{task}/artifact", ARTIFACTS)
        await connection.ask("POST", f"{task}/metadata", LAST_METADATA)
        await connection.ask("POST", f"{task}/heartbeat", b"{}")


async def write_path_in_sql(pool: Pool, sample: Sample, count: int) -> None:
    """The statements of `write_path`, straight through psycopg."""

    async def timed(statement: str, parameters: dict[str, Any]) -> bytes | None:
        started = time.perf_counter()
        document = await one_document(pool, statement, parameters)
        sample.latencies.append(time.perf_counter() - started)
        return document

    by = {"user_name": "ann", **{name: json.dumps(tags) for name, tags in TAGS.items()}, "beats": True}
    made = await timed(runs.CREATE, {"flow": FLOW, "run_id": None, **by})
    assert made is not None
    place = {"flow": FLOW, "run_number": str(json.loads(made)["run_number"]), "run_id": None, "step": "start"}
    await timed(steps.CREATE, {**place, **by})
    for _ in range(count):
        made = await timed(tasks.CREATE, {**place, **by, "task_name": None})
        assert made is not None
        task = {**place, "task_id": str(json.loads(made)["task_id"]), "task_name": None}
        await timed(metadata.CREATE, {**task, "rows": FIRST_METADATA.decode()})
        await timed(artifacts.CREATE, {**task, "rows": ARTIFACTS.decode()})
        await timed(metadata.CREATE, {**task, "rows": LAST_METADATA.decode()})
        await timed(tasks.BEAT, task)


async def point_reads(connection: Connection, worker: int, paths: list[str], count: int) -> None:
    """Runs, steps, tasks and artifacts in turn."""
    for path in itertools.islice(itertools.cycle(paths), worker, worker + count):
        await connection.ask("GET", path)


async def point_reads_in_sql(pool: Pool, sample: Sample, places: list[tuple[str, dict[str, Any]]], count: int) -> None:
    """The statements of `point_reads`."""
    for statement, parameters in itertools.islice(itertools.cycle(places), count):
        started = time.perf_counter()
        assert await one_document(pool, statement, parameters) is not None
        sample.latencies.append(time.perf_counter() - started)


async def in_sql(pool: Pool, connections: int, work: Any) -> Sample:
    """``work(pool, sample)`` so many times at once."""
    sample = Sample()
    for connection in [await pool.take() for _ in range(connections)]:
        pool.give(connection)
    started = time.perf_counter()
    await asyncio.gather(*(work(pool, sample) for _ in range(connections)))
    sample.seconds = time.perf_counter() - started
    return sample
