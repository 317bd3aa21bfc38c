"""A PostgreSQL and a UI backend of the benchmark's own, each a process."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from metaflow_anywhere.database import schema
from metaflow_anywhere.postgres import Cluster, install


@contextlib.contextmanager
def database() -> Iterator[str]:
    """A fresh PostgreSQL with the schema, set up as the stack does; yields its conninfo."""
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
def program(module: str, conninfo: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """``python -m metaflow_anywhere.<module>``; yields its URL and process."""
    parts = conninfo_to_dict(conninfo)
    named = {f"MF_METADATA_DB_{name}": str(parts[key]) for name, key in
             (("HOST", "host"), ("PORT", "port"), ("USER", "user"), ("NAME", "dbname"))}  # fmt: skip
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"metaflow_anywhere.{module}", "--port", "0"],
            env={**os.environ, **named}, stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
        try:
            yield _address(process, log.fileno()), process
        finally:
            process.terminate()
            process.wait(10)


def _address(process: subprocess.Popen[bytes], log: int) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(rb"listening on (http://\S+)", os.pread(log, 10_000, 0))
        if found:
            return found[1].decode()
        time.sleep(0.005)
    raise RuntimeError(os.pread(log, 10_000, 0).decode())
