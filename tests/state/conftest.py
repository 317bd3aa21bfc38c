"""Machines, drives, and a table to lose."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metaflow_anywhere.postgres import Programs, install
from metaflow_anywhere.state.drive import Drive
from tests.state.lab import Machine, machines


@pytest.fixture(scope="session")
def installation() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mfa-state-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def programs(installation: Path) -> Programs:
    return install(installation)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path that PostgreSQL's user may enter."""
    with tempfile.TemporaryDirectory(prefix="mfa-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def new_machine(programs: Programs, installation: Path, place: Path) -> Iterator[Callable[[], Machine]]:
    with machines(programs, installation, place) as make:
        yield make


@pytest.fixture
def drive(place: Path) -> Drive:
    return Drive(place / "drive" / "pg")


@pytest.fixture
def machine(new_machine: Callable[[], Machine]) -> Machine:
    """A machine with a running database and the table ``t``."""
    machine = new_machine()
    machine.create()
    machine.start()
    with machine.connect() as connection:
        connection.execute("CREATE TABLE t (id bigserial PRIMARY KEY, said text)")
    return machine


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 4 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    with tempfile.TemporaryDirectory(prefix="mfa-disk-", dir="/tmp") as name:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", name], check=False)
        if mounted.returncode != 0:
            pytest.skip("nothing can be mounted here")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "-l", name], check=True)
