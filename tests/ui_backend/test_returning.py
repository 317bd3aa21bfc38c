"""Who lost the connection is told what happened meanwhile, whoever else watches, and however long it took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import psycopg
import pytest

from metaflow_anywhere.ui_backend.live.watches import Watches
from tests.service.running import service_environment
from tests.ui_backend.running import Browser, RunningUI
from tests.ui_backend.writing import Writer, is_event

SHORT_SECONDS = 2
Happening = Callable[[Writer, int, int], None]


@pytest.fixture(scope="module")
def own_ui(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUI]:
    """One that takes a task for dead after two seconds."""
    told = {**service_environment(database), "HEARTBEAT_THRESHOLD": "2", "RUN_INACTIVE_CUTOFF_TIME": "3"}
    running = RunningUI(tmp_path_factory.mktemp("ui"), told)
    time.sleep(1.1)  # so that no outage, in whole seconds, reaches back to its start: then the database is read anyway
    yield running
    running.stop()


@pytest.fixture(scope="module")
def forgetful_ui(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUI]:
    """One that keeps events for a second."""
    told = {**service_environment(database), "WS_QUEUE_TTL_SECONDS": "1"}
    running = RunningUI(tmp_path_factory.mktemp("forgetful"), told)
    yield running
    running.stop()


def a_new_task(writer: Writer, run: int, task: int) -> None:
    writer.task(run, "end")


def its_end(writer: Writer, run: int, task: int) -> None:
    writer.metadata(run, "start", task, "attempt_ok", "True")
    end = writer.task(run, "end")
    writer.metadata(run, "end", end, "attempt", "0")
    writer.metadata(run, "end", end, "attempt_ok", "True")


def a_retry(writer: Writer, run: int, task: int) -> None:
    writer.metadata(run, "start", task, "attempt_ok", "False")
    writer.metadata(run, "start", task, "attempt", "1", attempt=1)


@pytest.mark.parametrize(
    ("happening", "path", "expected"),
    [
        (a_new_task, "/tasks", {"step_name": "end"}),
        (a_new_task, "/steps", {"step_name": "end"}),
        (its_end, "", {"status": "completed"}),
        (its_end, "/tasks", {"step_name": "start", "status": "completed"}),
        (a_retry, "/metadata", {"field_name": "attempt", "value": "1"}),
        (a_retry, "/tasks", {"attempt_id": 1}),
    ],
)
def test_what_happens_during_an_outage_is_told_after_it_though_nobody_else_watches(
    own_ui: RunningUI, writer: Writer, happening: Happening, path: str, expected: dict[str, object]
) -> None:
    asyncio.run(_outage(own_ui, writer, happening, path, expected))


@pytest.mark.parametrize(("happening", "path"), [(a_new_task, "/tasks"), (its_end, "")])
def test_an_outage_longer_than_events_are_kept_is_read_from_the_database(
    forgetful_ui: RunningUI, writer: Writer, happening: Happening, path: str
) -> None:
    expected: dict[str, object] = {"step_name": "end"} if path else {"status": "completed"}

    async def forgotten() -> None:
        await asyncio.sleep(SHORT_SECONDS)  # the time that events are kept is what is tried here

    asyncio.run(_outage(forgetful_ui, writer, happening, path, expected, forgotten))


async def _nothing() -> None:
    return


async def _outage(
    ui: RunningUI,
    writer: Writer,
    happening: Happening,
    path: str,
    expected: dict[str, object],
    meanwhile: Callable[[], Awaitable[None]] = _nothing,
) -> None:
    run = writer.run()
    task = writer.task(run, "start")
    writer.metadata(run, "start", task, "attempt", "0")
    resource = f"/flows/{writer.flow}/runs/{run}{path}"
    async with Browser(ui.url) as browser:
        await browser.subscribe(resource, "before")
    lost = int(time.time())
    happening(writer, run, task)
    await meanwhile()
    async with Browser(ui.url) as browser:
        await browser.subscribe(resource, "after", since=lost)
        await browser.until(
            lambda message: (
                message["uuid"] == "after" and all(message["data"].get(key) == value for key, value in expected.items())
            )
        )


def test_a_run_that_falls_silent_during_an_outage_is_told(own_ui: RunningUI, writer: Writer, database: str) -> None:
    """Nothing is written then: somebody has to go on looking."""

    async def scenario() -> None:
        run = writer.run()
        resource = f"/flows/{writer.flow}/runs/{run}"
        async with Browser(own_ui.url) as browser:
            await browser.subscribe(resource, "before")
        lost = int(time.time())
        with psycopg.connect(database, autocommit=True) as table:
            table.execute("UPDATE runs_v3 SET last_heartbeat_ts = %s WHERE run_number = %s", (int(time.time()), run))
        await asyncio.to_thread(_until_failed, own_ui, resource)
        async with Browser(own_ui.url) as browser:
            await browser.subscribe(resource, "after", since=lost)
            await browser.until(is_event("UPDATE", "after", status="failed"))

    asyncio.run(scenario())


def _until_failed(ui: RunningUI, resource: str) -> None:
    deadline = time.monotonic() + 20
    while ui.data(resource)["status"] != "failed":
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_who_comes_back_is_told_what_it_missed_while_another_watched(own_ui: RunningUI, writer: Writer) -> None:
    async def scenario() -> None:
        async with Browser(own_ui.url) as watching:
            await watching.subscribe("/runs", "one")
            since = time.time()
            run = writer.run()
            await watching.until(is_event("INSERT", "one", run_number=run))
            async with Browser(own_ui.url) as returning:
                await returning.subscribe("/runs", "two", since=int(since))
                await returning.until(is_event("INSERT", "two", run_number=run))

    asyncio.run(scenario())


def test_a_path_is_watched_until_the_last_subscription_and_the_last_memory_of_one_are_gone() -> None:
    watches = Watches(kept_seconds=0.05)
    watches.begin("/flows/F/runs")
    watches.begin("/flows/F/runs")
    since = watches.since("/flows/F/runs")
    watches.end("/flows/F/runs", lost=False)
    assert watches.flow("F")
    watches.end("/flows/F/runs", lost=True)
    assert watches.flow("F")
    watches.begin("/flows/F/runs")
    assert watches.since("/flows/F/runs") == since
    watches.end("/flows/F/runs", lost=True)
    time.sleep(0.1)  # the time that it is kept
    assert not watches
    assert not watches.flow("F")
    assert watches.flows == []
