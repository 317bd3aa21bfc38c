"""Where measurements of the state are taken: machines of their own, as the trials use them."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from metaflow_anywhere.postgres import install
from tests.state.lab import Machine, machines


@contextlib.contextmanager
def new_place() -> Iterator[tuple[Callable[[], Machine], Path]]:
    """A maker of machines, and a folder for drives; both are gone at the end."""
    with tempfile.TemporaryDirectory(prefix="mfa-bench-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        programs = install(folder / "installation")
        with machines(programs, folder / "installation", folder) as make:
            yield make, folder


def machine_name() -> str:
    """Processor and cores, for a table's head."""
    models = [
        line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores"
