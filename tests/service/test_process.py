"""The program itself: its command line, its start and stop, what it costs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from tests.service.conftest import Made
from tests.service.running import Client, RunningService, await_condition, service_environment

IDLE_BYTES = 60 * 10**6
PATIENCE_SECONDS = 30.0  # it stops within one on an idle machine (bench/service/start.py); a hang takes a minute


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MF_")}
    return subprocess.run(
        [sys.executable, "-m", "metaflow_anywhere.service", *arguments],
        env={**inherited, **environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_help_says_how_to_run_and_configure_it() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for word in ("--host", "--port", "MF_METADATA_DB_HOST", "PGPASSFILE", "PATH_PREFIX", "SIGTERM"):
        assert word in shown.stdout


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MF_METADATA_DB_PORT", "x", "MF_METADATA_DB_PORT is 'x', and must be a whole number from 1 to 65535"),
        ("MF_METADATA_PORT", "70000", "MF_METADATA_PORT is '70000', and must be a whole number from 0 to 65535"),
        ("MF_METADATA_DB_POOL_MAX", "0", "MF_METADATA_DB_POOL_MAX is '0', and must be a whole number from 1 to 1000"),
        ("MF_METADATA_DB_DSN", "host=", "MF_METADATA_DB_DSN is not a connection string"),
        ("PATH_PREFIX", "/a b", "PATH_PREFIX is '/a b', and must be a plain path such as /metadata"),
        ("MF_METADATA_HOST", "256.1.1.1", "cannot listen on 256.1.1.1 port 8080"),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_sentence(name: str, value: str, sentence: str) -> None:
    if name == "MF_METADATA_DB_DSN":
        value = "host"
    failed = run(**{name: value})
    assert failed.returncode not in (0, 1)
    assert failed.stderr.startswith(sentence), failed.stderr
    assert failed.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = run("--port", str(port))
    assert failed.returncode != 0
    assert failed.stderr == f"cannot listen on 127.0.0.1 port {port}: Address already in use\n"


def test_everything_is_under_the_prefix(database: str, folder: Path) -> None:
    service = RunningService(folder, service_environment(database), prefix="/metadata/v1")
    try:
        inside, outside = Client(service.url), Client(service.url.removesuffix("/metadata/v1"))
        assert inside.get("/ping").text == "pong"
        assert inside.read("/flows") == []
        assert outside.get("/ping").status_code == 404
        assert inside.read("/openapi.json")["servers"] == [{"url": "/metadata/v1"}]
    finally:
        service.stop()


def test_it_idles_in_little_memory(database: str, folder: Path) -> None:
    service = RunningService(folder, service_environment(database))
    try:
        assert Client(service.url).get("/flows").status_code == 200
        assert service.memory_bytes() < IDLE_BYTES
    finally:
        service.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_and_with_status_0(database: str, folder: Path, number: signal.Signals) -> None:
    service = RunningService(folder, service_environment(database))
    idle = Client(service.url)
    assert idle.get("/flows").status_code == 200  # a connection that is kept open
    started = time.monotonic()
    service.process.send_signal(number)
    assert service.process.wait(60) == 0
    assert time.monotonic() - started < PATIENCE_SECONDS


def test_it_stops_although_a_request_hangs(made: Made, database: str, folder: Path) -> None:
    service = RunningService(folder, service_environment(database))
    with psycopg.connect(database) as blocker, psycopg.connect(database, autocommit=True) as looking:
        blocker.execute("LOCK TABLE tasks_v3 IN ACCESS EXCLUSIVE MODE")

        def ask() -> None:
            with pytest.raises(OSError):  # the connection is closed without an answer
                Client(service.url).get(made.task)

        asking = threading.Thread(target=ask)
        asking.start()
        waits = (
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        await_condition(lambda: looking.execute(waits).fetchone() == (True,), 60, "the request hangs")
        assert service.stop() < PATIENCE_SECONDS
        asking.join(60)


def test_the_password_is_looked_for_in_the_file_libpq_knows(database: str, folder: Path) -> None:
    """The tests' server trusts everybody, so this shows that the file is read: libpq complains of its mode."""
    secret = folder / "pgpass"
    secret.write_text("*:*:*:*:secret\n")
    secret.chmod(0o644)
    service = RunningService(folder, {**service_environment(database), "PGPASSFILE": str(secret)})
    try:
        assert Client(service.url).get("/flows").status_code == 200
        await_condition(lambda: "has group or world access" in service.log(), 60, "libpq looked at the file")
    finally:
        service.stop()
