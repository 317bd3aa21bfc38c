"""What is measured against each other, each a process of its own: our service, and metaflow-local-service."""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests
from psycopg.conninfo import conninfo_to_dict
from scenarios import FLOW

from metaflow_anywhere.database import schema
from metaflow_anywhere.postgres import Cluster, install

RUNS, TASKS = 10_000, 100_000


@dataclass(frozen=True)
class Target:
    """Where it answers, and the process that does."""

    name: str
    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory_bytes(self) -> int:
        return int(self.process.memory_info().rss)


@dataclass(frozen=True)
class DatabaseProcesses:
    """PostgreSQL's processes, all together."""

    postmaster: psutil.Process

    @classmethod
    def of(cls, conninfo: str) -> DatabaseProcesses:
        with psycopg.connect(conninfo) as connection:
            postmaster = psutil.Process(connection.info.backend_pid).parent()
        assert postmaster is not None
        return cls(postmaster)

    def cpu_seconds(self) -> float:
        own = self.postmaster.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in self.postmaster.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = child.cpu_times()
                total += times.user + times.system
        return float(total)


def sync_milliseconds() -> float:
    """The median time in which the disk of the databases takes 8 kB for good: the least that a commit alone costs."""
    with tempfile.NamedTemporaryFile(prefix="mfa-bench-", dir="/tmp") as file:
        file.write(bytes(1 << 20))
        file.flush()
        os.fsync(file.fileno())
        times = []
        for place in range(200):
            started = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 8192, place % 100 * 8192)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


@contextlib.contextmanager
def database() -> Iterator[str]:
    """A fresh PostgreSQL with the schema; yields its conninfo."""
    with tempfile.TemporaryDirectory(prefix="mfa-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = Cluster(install(folder / "installation"), folder / "pgdata")
        cluster.create(folder / "installation")
        cluster.configure({})
        with cluster.private_server() as conninfo:
            with psycopg.connect(conninfo, autocommit=True) as connection:
                schema.apply(connection)
            yield conninfo


@contextlib.contextmanager
def our_service(conninfo: str) -> Iterator[Target]:
    """``python -m metaflow_anywhere.service`` as the stack runs it."""
    parts: dict[str, Any] = dict(conninfo_to_dict(conninfo))
    environment = {"HOST": parts["host"], "PORT": parts["port"], "USER": parts["user"], "NAME": parts["dbname"]}
    with tempfile.TemporaryFile() as output, tempfile.NamedTemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "metaflow_anywhere.service", "--port", "0"],
            env={**os.environ, **{f"MF_METADATA_DB_{name}": str(value) for name, value in environment.items()}},
            stdout=output,
            stderr=errors,
        )
        while not (found := re.search(r"listening on http://[^:]+:(\d+)", Path(errors.name).read_text())):
            time.sleep(0.01)
        target = Target("ours", int(found[1]), psutil.Process(process.pid))
        _flow(target)
        yield target
        process.terminate()
        process.wait()


@contextlib.contextmanager
def local_service(program: Path) -> Iterator[Target]:
    """metaflow-local-service from PyPI, on an empty folder."""
    with tempfile.TemporaryDirectory(prefix="mfa-bench-") as folder:
        environment = {**os.environ, "HOME": folder, "METAFLOW_LOCAL_SERVICE_IDLE_TIMEOUT": "86400", "USER": "ann"}
        place = {"cwd": folder, "env": environment}
        subprocess.run([program, "start"], check=True, stdout=subprocess.DEVNULL, **place)
        url = subprocess.run([program, "url"], check=True, capture_output=True, text=True, **place).stdout.strip()
        port = int(url.rpartition(":")[2])
        owner = next(
            each.pid for each in psutil.net_connections("tcp") if each.laddr and each.laddr.port == port and each.pid
        )
        target = Target("metaflow-local-service", port, psutil.Process(owner))
        _flow(target)
        yield target
        subprocess.run([program, "stop"], check=False, stdout=subprocess.DEVNULL, **place)


def _flow(target: Target) -> None:
    requests.post(
        f"http://127.0.0.1:{target.port}/flows/{FLOW}", json={"user_name": "ann"}, timeout=30
    ).raise_for_status()


def fill(conninfo: str) -> None:
    """RUNS runs, and TASKS tasks spread over ten steps of the first ten, each with metadata and artifacts."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("INSERT INTO flows_v3 (flow_id, user_name, ts_epoch) VALUES ('Full', 'ann', 1)")
        connection.execute(
            """INSERT INTO runs_v3 (flow_id, user_name, ts_epoch, tags, system_tags, last_heartbeat_ts)
            SELECT 'Full', 'ann', 1700000000000 + n * 1000, '["bench"]',
                '["user:ann", "metaflow_version:2.19.39", "runtime:dev", "python_version:3.11"]', 1700000000 + n
            FROM generate_series(1, %s) AS n""",
            (RUNS,),
        )
        connection.execute(
            """WITH first AS (SELECT run_number FROM runs_v3 WHERE flow_id = 'Full' ORDER BY run_number LIMIT 10)
            INSERT INTO steps_v3 (flow_id, run_number, run_id, step_name, ts_epoch)
            SELECT 'Full', run_number, run_number::text, 'step_' || n, 1 FROM first, generate_series(0, 9) AS n"""
        )
        connection.execute(
            """INSERT INTO tasks_v3 (flow_id, run_number, step_name, user_name, ts_epoch, last_heartbeat_ts)
            SELECT flow_id, run_number, step_name, 'ann', 1700000000000 + n, 1700000000
            FROM steps_v3, generate_series(1, %s) AS n WHERE flow_id = 'Full'""",
            (TASKS // 100,),
        )
        connection.execute(
            """INSERT INTO artifact_v3
                (flow_id, run_number, step_name, task_id, name, location, ds_type, attempt_id, ts_epoch)
            SELECT flow_id, run_number, step_name, task_id, name, 'l', 'local', 0, ts_epoch
            FROM tasks_v3, unnest(ARRAY['name', 'x']) AS name WHERE flow_id = 'Full'"""
        )
        connection.execute("VACUUM ANALYZE")
