"""Live updates: every event of the wire contract, on rows written through the metadata service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import psycopg
import pytest
import requests

from metaflow_anywhere.database.feed import PUBLISHER, PUBLISHES
from metaflow_anywhere.database.run_status import OVERDUE_SECONDS
from metaflow_anywhere.ui_backend.live.publishers import LOOK_SECONDS
from tests.service.running import RunningService, service_environment
from tests.ui_backend.running import Browser, RunningUI
from tests.ui_backend.world import Runs, World
from tests.ui_backend.writing import Writer, is_event


@pytest.fixture(scope="module")
def own_ui(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUI]:
    """The UI backend on the same database."""
    running = RunningUI(tmp_path_factory.mktemp("ui"), service_environment(database))
    yield running
    running.stop()


def test_what_happens_to_a_run_is_told_as_it_happens(own_ui: RunningUI, writer: Writer) -> None:
    async def scenario() -> None:
        async with Browser(own_ui.url) as browser:
            await browser.subscribe("/runs?_limit=30&_order=-ts_epoch&user=ann", "runs")
            await browser.subscribe(f"/flows/{writer.flow}/runs", "flow")
            run = writer.run()
            told = await browser.until(is_event("INSERT", "runs", run_number=run))
            assert told["resource"] == "/runs"
            assert told["data"] == own_ui.data(f"/flows/{writer.flow}/runs/{run}")
            await browser.until(is_event("INSERT", "flow", run_number=run))
            base = f"/flows/{writer.flow}/runs/{run}"
            for uuid, path in (("run", ""), ("steps", "/steps"), ("tasks", "/tasks"), ("metadata", "/metadata")):
                await browser.subscribe(base + path, uuid)

            task = writer.task(run, "start")
            assert (await browser.until(is_event("INSERT", "steps", step_name="start")))["resource"] == f"{base}/steps"
            told = await browser.until(is_event("INSERT", "tasks", task_id=task))
            assert told["data"]["tags"] == ["mine"]
            await browser.until(is_event("UPDATE", "run", run_number=run))
            await browser.subscribe(f"{base}/steps/start/tasks/{task}/attempts", "attempts")

            writer.metadata(run, "start", task, "attempt", "0")
            await browser.until(is_event("INSERT", "metadata", field_name="attempt", value="0"))
            await browser.until(is_event("UPDATE", "attempts", attempt_id=0, status="running"))
            writer.metadata(run, "start", task, "attempt_ok", "False")
            await browser.until(is_event("UPDATE", "attempts", attempt_id=0, status="failed"))
            writer.metadata(run, "start", task, "attempt", "1", attempt=1)
            await browser.until(is_event("INSERT", "attempts", attempt_id=1, status="running"))
            writer.metadata(run, "start", task, "attempt_ok", "True", attempt=1)
            await browser.until(is_event("UPDATE", "tasks", attempt_id=1, status="completed"))

            end = writer.task(run, "end")
            writer.metadata(run, "end", end, "attempt", "0")
            writer.metadata(run, "end", end, "attempt_ok", "True")
            told = await browser.until(is_event("UPDATE", "run", status="completed"))
            assert told["data"] == own_ui.data(base)
            await browser.until(is_event("UPDATE", "runs", status="completed", run_number=run))
            assert all(message["data"].get("field_name") != "runtime" for message in browser.messages)

    asyncio.run(scenario())


def test_a_failed_step_that_leaves_nothing_running_fails_the_run_when_its_client_is_gone(
    own_ui: RunningUI, writer: Writer, table: psycopg.Connection
) -> None:
    async def scenario() -> None:
        run = writer.run()
        async with Browser(own_ui.url) as browser:
            await browser.subscribe(f"/flows/{writer.flow}/runs/{run}", "run")
            task = writer.task(run, "start")
            writer.metadata(run, "start", task, "attempt", "0")
            writer.metadata(run, "start", task, "attempt_ok", "False")
            table.execute(
                "UPDATE runs_v3 SET last_heartbeat_ts = last_heartbeat_ts - %s WHERE run_number = %s",
                (OVERDUE_SECONDS, run),
            )
            told = await browser.until(is_event("UPDATE", "run", status="failed"))
            assert told["data"]["finished_at"] is not None

    asyncio.run(scenario())


def test_flows_are_told_too(own_ui: RunningUI, service: RunningService) -> None:
    async def scenario() -> None:
        writer = Writer(service.url)
        async with Browser(own_ui.url) as browser:
            await browser.subscribe("/flows", "flows")
            writer.post("", {"user_name": "ann"})
            told = await browser.until(is_event("INSERT", "flows", flow_id=writer.flow))
            assert told["data"]["user_name"] == "ann"

    asyncio.run(scenario())


def test_parameters_are_told_when_a_run_has_its_steps(ui: RunningUI, runs: Runs, world: World) -> None:
    """By a step that is added to a run whose parameters the real client stored."""

    async def scenario() -> None:
        async with Browser(ui.url) as browser:
            path = f"/flows/Sleeper/runs/{runs.sleeper}"
            await browser.subscribe(f"{path}/parameters", "parameters")
            answer = requests.post(
                f"{world.service_url}{path}/steps/start{time.monotonic_ns()}/step", json={}, timeout=60
            )
            assert answer.status_code == 200
            told = await browser.until(is_event("UPDATE", "parameters"))
            assert set(told["data"]) == {"awake"}

    asyncio.run(scenario())


def test_filters_of_a_subscription_hold(own_ui: RunningUI, writer: Writer) -> None:
    async def scenario() -> None:
        async with Browser(own_ui.url) as browser:
            await browser.subscribe("/runs?flow_id=Another", "other")
            await browser.subscribe("/runs?_tags=mine&status=completed,running&flow_id:co=LIVE", "mine")
            await browser.subscribe("/runs?nonexistent=1", "lacking")
            run = writer.run()
            await browser.until(is_event("INSERT", "mine", run_number=run))
            await browser.ping()
            assert {message["uuid"] for message in browser.messages} == {"mine"}

    asyncio.run(scenario())


def test_a_subscription_knows_a_comma_of_a_value(own_ui: RunningUI, writer: Writer) -> None:
    async def scenario() -> None:
        async with Browser(own_ui.url) as browser:
            await browser.subscribe("/runs?_tags=a%5C%2Cb&user=Doe%5C%2C%20Jane,nobody", "comma")
            tags = {"tags": ["a,b"], "system_tags": ["user:Doe, Jane"]}
            run = int(writer.post("/run", {"user_name": "Doe, Jane", **tags})["run_number"])
            await browser.until(is_event("INSERT", "comma", run_number=run))
        found = own_ui.data("/runs?_tags=a%5C%2Cb&user=Doe%5C%2C%20Jane,nobody")
        assert [row["run_number"] for row in found] == [run]

    asyncio.run(scenario())


def test_who_unsubscribed_hears_no_more_and_a_known_id_is_replaced(own_ui: RunningUI, writer: Writer) -> None:
    async def scenario() -> None:
        async with Browser(own_ui.url) as browser:
            await browser.subscribe("/runs", "one")
            await browser.subscribe("/flows/Nope", "one")
            await browser.subscribe("/runs", "two")
            await browser.socket.send_json({"type": "UNSUBSCRIBE", "uuid": "two"})
            await browser.subscribe(f"/flows/{writer.flow}/runs", "three")
            run = writer.run()
            await browser.until(is_event("INSERT", "three", run_number=run))
            await browser.ping()
            assert {message["uuid"] for message in browser.messages} == {"three"}

    asyncio.run(scenario())


def test_nonsense_is_ignored(ui: RunningUI) -> None:
    async def scenario() -> None:
        async with Browser(ui.url) as browser:
            for text in ("", "x", "[]", "{}", '{"type":"SUBSCRIBE"}', '{"type":"SUBSCRIBE","uuid":1,"resource":2}',
                         '{"type":"SUBSCRIBE","uuid":"a"}', "[" * 5000):  # fmt: skip
                await browser.socket.send_str(text)
            await browser.ping()
            assert browser.messages == []

    asyncio.run(scenario())


def test_what_a_killed_service_did_not_tell_is_told_soon(own_ui: RunningUI, database: str, writer: Writer) -> None:
    """Committed by a session that the triggers pass over, whose program ends before it tells."""

    async def scenario() -> None:
        async with Browser(own_ui.url) as browser:
            await browser.subscribe(f"/flows/{writer.flow}/runs", "runs")
            killed = await psycopg.AsyncConnection.connect(
                database, application_name=PUBLISHER, options=PUBLISHES, autocommit=True
            )
            await asyncio.sleep(2 * LOOK_SECONDS)  # so that it is known before it commits
            inserted = await killed.execute(
                "INSERT INTO runs_v3 (flow_id, ts_epoch) VALUES (%s, extract(epoch FROM now()) * 1000)"
                " RETURNING run_number",
                (writer.flow,),
            )
            row = await inserted.fetchone()
            await killed.close()
            assert row is not None
            await browser.until(is_event("UPDATE", "runs", run_number=row[0]))

    asyncio.run(scenario())
