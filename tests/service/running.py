"""A real service in a process of its own, and what tests do to it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from metaflow_anywhere.database import schema

START_SECONDS = 60.0


def await_condition(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of ``condition``, asked again and again for at most ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {seconds} seconds")


def await_blocked(looking: psycopg.Connection, count: int) -> None:
    """Wait until at least ``count`` connections to the database wait for a lock; ``looking`` is in autocommit mode."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    def blocked() -> bool:
        row = looking.execute(query).fetchone()
        return row is not None and row[0] >= count

    await_condition(blocked, 60, f"{count} connections wait for a lock")


@contextlib.contextmanager
def new_database(server: str, name: str) -> Iterator[str]:
    """A database with the schema; yields its conninfo."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    conninfo = psycopg.conninfo.make_conninfo(server, dbname=name)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        schema.apply(connection)
    yield conninfo
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def service_environment(conninfo: str) -> dict[str, str]:
    """The variables by which a service finds the database ``conninfo``."""
    parts = conninfo_to_dict(conninfo)
    return {
        "MF_METADATA_DB_HOST": str(parts["host"]),
        "MF_METADATA_DB_PORT": str(parts["port"]),
        "MF_METADATA_DB_USER": str(parts["user"]),
        "MF_METADATA_DB_NAME": str(parts["dbname"]),
    }


class RunningService:
    """``python -m metaflow_anywhere.service`` on a free port; `url`, `log` and `process` are its.

    ``first`` is Python that its process runs before it, for limits of time that no test can wait for.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], prefix: str = "", first: str = "") -> None:
        self.started_at = time.monotonic()
        number = len(list(folder.glob("service-*.out")))
        self._log, self._out = folder / f"service-{number}.err", folder / f"service-{number}.out"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MF_")}
        program = f"{first}\nimport sys\nfrom metaflow_anywhere.service.__main__ import main\nsys.exit(main())"
        with self._log.open("wb") as errors, self._out.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *(["-c", program] if first else ["-m", "metaflow_anywhere.service"]), "--port", "0"],
                env={**inherited, **environment, "PATH_PREFIX": prefix},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )
        self.url = await_condition(self._address, START_SECONDS, "the service listens") + prefix

    def _address(self) -> str | None:
        assert self.process.poll() is None, self.log()
        found = re.search(r"listening on (http://[^/\s]+)", self.log())
        return found[1] if found else None

    def log(self) -> str:
        """What it wrote to standard error so far."""
        return self._log.read_text()

    def access_log(self) -> list[str]:
        """The lines of its standard output so far."""
        return self._out.read_text().splitlines()

    def memory_bytes(self) -> int:
        """Resident memory now."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def stop(self) -> float:
        """SIGTERM; the seconds until it was gone."""
        started = time.monotonic()
        self.process.terminate()
        self.process.wait(60)
        return time.monotonic() - started


class Client:
    """A service's HTTP side, as short as a test wants it: paths are relative to the service."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        arguments = {"json": body} if body is not None else {}
        return self.session.request(method, self.url + path, timeout=60, **arguments, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        return self("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self("POST", path, body, **more)

    def made(self, path: str, body: Any = None) -> Any:
        """The document of an object that must be created."""
        answer = self.post(path, {} if body is None else body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def read(self, path: str) -> Any:
        """The document that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()
