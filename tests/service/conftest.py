"""A running service on a real database, and objects to ask it about."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.service.running import Client, RunningService, new_database, service_environment

_numbers = itertools.count()


@pytest.fixture(scope="module")
def database(postgres_conninfo: str) -> Iterator[str]:
    """The conninfo of a database of this module's, with the schema."""
    with new_database(postgres_conninfo, f"service_{next(_numbers)}") as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def service(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service of this module's."""
    running = RunningService(tmp_path_factory.mktemp("service"), service_environment(database))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def http(service: RunningService) -> Client:
    """Requests to the service."""
    return Client(service.url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the logs of services of this test's own."""
    return tmp_path


@pytest.fixture
def table(database: str) -> Iterator[psycopg.Connection]:
    """The database itself, past the service."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def flow(http: Client) -> str:
    """The path of a new flow."""
    path = f"/flows/Flow{next(_numbers)}"
    http.made(path, {"user_name": "ann"})
    return path


RUN_TAGS = {"tags": ["mine"], "system_tags": ["user:ann", "metaflow_version:2.19.39"]}


@dataclass(frozen=True)
class Made:
    """A run with a step and a task: their paths and ids."""

    flow: str
    run: str
    step: str
    task: str
    run_number: int
    task_id: int

    @property
    def flow_id(self) -> str:
        return self.flow.removeprefix("/flows/")


@pytest.fixture
def made(http: Client, flow: str) -> Made:
    """A run, its step ``start`` and one task."""
    number = http.made(f"{flow}/run", {"user_name": "ann", **RUN_TAGS})["run_number"]
    step = f"{flow}/runs/{number}/steps/start"
    http.made(f"{step}/step", {"user_name": "ann", "tags": ["not shown"]})
    task_id = http.made(f"{step}/task", {"user_name": "ann", "tags": ["not shown"]})["task_id"]
    return Made(flow, f"{flow}/runs/{number}", step, f"{step}/tasks/{task_id}", number, task_id)
