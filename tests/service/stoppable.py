"""A PostgreSQL that a test may stop and start, at an address that stays the same."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import psycopg

from metaflow_anywhere.postgres import Cluster, Programs
from tests.service.running import await_condition


class StoppableServer:
    """A cluster of its own in ``folder`` (which others may enter), on the loopback ``port``; `conninfo` leads to it."""

    def __init__(self, programs: Programs, templates: Path, folder: Path, port: int) -> None:
        self._cluster = Cluster(programs, folder / "data")
        self._cluster.create(templates)
        self._cluster.configure({"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""})
        self._rules = folder / "rules"
        self._rules.write_text("host all all 127.0.0.1/32 trust\n")
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.conninfo = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"

    def start(self) -> None:
        """Start unless it runs, and wait until it answers."""
        if self._process is None:
            with self._log.open("ab") as log:
                self._process = self._cluster.programs.popen(
                    "postgres", "-D", self._cluster.data, "-c", f"hba_file={self._rules}",
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
        await_condition(self._answers, 60, "PostgreSQL answers")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.conninfo, connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop as an operator does: without waiting for clients."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
            self._process = None
