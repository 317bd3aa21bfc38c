"""What a UI backend does while the database is not there, when it comes back, and when it is told to end."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from aiohttp import WSMsgType

from metaflow_anywhere.database import schema
from metaflow_anywhere.postgres import Programs
from metaflow_anywhere.ui_backend.settings import DEFAULT_LINKS
from tests.service.running import await_condition, service_environment
from tests.service.stoppable import StoppableServer
from tests.ui_backend.running import Browser, RunningUI

INSERT_FLOW = "INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES (%s, 0)"
INSERT_RUN = """INSERT INTO runs_v3 (flow_id, ts_epoch) VALUES (%s, extract(epoch FROM now()) * 1000)
    RETURNING run_number"""


@pytest.fixture(scope="module")
def server(postgres_programs: Programs, open_folder: Path) -> Iterator[StoppableServer]:
    """A PostgreSQL that can be stopped."""
    folder = open_folder / "ui-stoppable"
    folder.mkdir(mode=0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    made = StoppableServer(postgres_programs, open_folder / "installation", folder, port)
    made.start()
    with psycopg.connect(made.conninfo, autocommit=True) as connection:
        schema.apply(connection)
        connection.execute(INSERT_FLOW, ("Flow",))
    yield made
    made.stop()


def insert_run(server: StoppableServer) -> int:
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        row = connection.execute(INSERT_RUN, ("Flow",)).fetchone()
    assert row is not None
    return int(row[0])


def test_it_waits_for_the_database_and_goes_on_when_it_comes_back(server: StoppableServer, tmp_path: Path) -> None:
    server.stop()
    ui = RunningUI(tmp_path / "ui", service_environment(server.conninfo))

    async def scenario() -> None:
        answer = ui.get("/runs")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json()["traceback"] == ""
        assert ui.get("/ping").text == "pong"
        async with Browser(ui.url) as browser:
            await browser.subscribe("/flows/Flow/runs", "one")
            server.start()
            await_condition(lambda: ui.get("/runs").status_code == 200, 60, "it answers again")
            await_condition(lambda: "listening for changes" in ui.log(), 60, "it listens")
            first = insert_run(server)
            await browser.until(lambda message: message["data"]["run_number"] == first)
            server.stop()
            assert ui.get("/runs").status_code == 503
            server.start()
            missed = insert_run(server)  # perhaps before it listens again
            await browser.until(lambda message: message["data"]["run_number"] == missed)
            later = insert_run(server)
            await browser.until(lambda message: message["data"]["run_number"] == later)
            assert {run["run_number"] for run in ui.data("/runs")} >= {first, missed, later}

    try:
        asyncio.run(scenario())
        assert "Traceback" not in ui.log()
    finally:
        ui.stop()


def test_tables_that_are_not_there_yet_are_no_crash(postgres_conninfo: str, tmp_path: Path) -> None:
    with psycopg.connect(postgres_conninfo, autocommit=True) as connection:
        connection.execute("CREATE DATABASE ui_empty")
    ui = RunningUI(
        tmp_path / "ui", service_environment(psycopg.conninfo.make_conninfo(postgres_conninfo, dbname="ui_empty"))
    )
    try:
        assert ui.get("/runs").status_code == 503
        with psycopg.connect(
            psycopg.conninfo.make_conninfo(postgres_conninfo, dbname="ui_empty"), autocommit=True
        ) as connection:
            schema.apply(connection)
        assert ui.data("/runs") == []
    finally:
        ui.stop()


def test_it_idles_in_little_memory(database: str, tmp_path: Path) -> None:
    ui = RunningUI(tmp_path / "ui", service_environment(database))
    try:
        assert ui.data("/runs") == []
        assert ui.memory_bytes() <= 90 * 2**20
    finally:
        ui.stop()


GIVE_UP_SECONDS = 30.0  # it ends within one on an idle machine; one that waited for its sockets would take a minute


def test_sigterm_ends_it_soon_and_closes_sockets_properly(database: str, tmp_path: Path) -> None:
    ui = RunningUI(tmp_path / "ui", service_environment(database))

    async def scenario() -> float:
        async with Browser(ui.url) as browser, Browser(ui.url) as other:
            await browser.subscribe("/runs")
            await other.subscribe("/runs")
            started = time.monotonic()
            ui.process.terminate()
            for one in (browser, other):
                message = await one.socket.receive(timeout=60)
                assert message.type is WSMsgType.CLOSE
                assert one.socket.close_code == 1001
            await asyncio.to_thread(ui.process.wait, 60)
            return time.monotonic() - started

    assert asyncio.run(scenario()) < GIVE_UP_SECONDS
    assert ui.process.returncode == 0
    assert "Traceback" not in ui.log()


def test_a_prefix_is_before_everything(database: str, tmp_path: Path) -> None:
    ui = RunningUI(tmp_path / "ui", {**service_environment(database), "PATH_PREFIX": "/api", "UI_ENABLED": "0"})
    try:
        assert ui.get("/ping").text == "pong"
        assert ui.data("/runs") == []
        links = ui.read("/runs")["links"]
        assert links["self"] == f"{ui.url}/runs"
        assert ui.get("/Flow/5/view/timeline").status_code == 404
    finally:
        ui.stop()


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("NOTIFICATIONS", "{}", "/notifications"),
        ("NOTIFICATIONS", "[{", "/notifications"),
        ("CUSTOM_QUICKLINKS", "[", "/links"),
        ("CUSTOM_QUICKLINKS", "https://docs.example", "/links"),
    ],
)
def test_a_typo_in_an_ornament_is_told_and_left_out(
    ui_environment: dict[str, str], name: str, value: str, path: str, tmp_path: Path
) -> None:
    ui = RunningUI(tmp_path, {**ui_environment, name: value})
    try:
        assert ui.read(path) == ([] if path == "/notifications" else list(DEFAULT_LINKS))
        assert f"{name} is left out: it must be a JSON array" in ui.log()
    finally:
        ui.stop()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MF_UI_METADATA_PORT", "x"),
        ("HEARTBEAT_THRESHOLD", "0"),
        ("UI_ENABLED", "/nonexistent"),
        ("PATH_PREFIX", "/a?b"),
        ("MF_UI_FRAME_ANCESTORS", "'self'; script-src *"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: str, tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "metaflow_anywhere.ui_backend"], env={**os.environ, name: value},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(name)
    assert len(done.stderr.splitlines()) == 1
