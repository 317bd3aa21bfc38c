"""A program that runs beside those of the supervisor for a while: a new one on trial, a proxy between two others."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from metaflow_anywhere.modes import open_private, write_private
from metaflow_anywhere.stack import launch
from metaflow_anywhere.stack.stack import Stack

END_SECONDS = 10.0  # for what is on its way through it


@contextlib.contextmanager
def running(stack: Stack, document: str, told: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run what ``document`` says, as the supervisor would, while the block lasts; ``told`` is where it is written."""
    write_private(told, document)
    with open_private(log, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", launch.__file__, str(told)],
            cwd=stack.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)  # nothing, if it has ended
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        told.unlink(missing_ok=True)
