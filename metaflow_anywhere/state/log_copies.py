"""Copies of a folder of logs, made rarely and whole: a file that is often rewritten may never be uploaded."""

from __future__ import annotations

import os
import socket
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from metaflow_anywhere.errors import reason
from metaflow_anywhere.far.hand import beat
from metaflow_anywhere.far.reach import Reach, reach_of
from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder, touch_private

LOGS_SECONDS = 600.0
KEPT_LOGS = 5  # of one host
LEVEL = 6


class LogCopies:
    """Puts the logs in the folder ``logs`` now and then below ``target``, as one archive under a new name each time.

    ``beside`` is a folder that is there whenever the drive of ``target`` is. Failures are told, and tried next time.
    """

    def __init__(
        self, logs: Path, target: Path, beside: Path, tell: Callable[[str], None], *, every: float = LOGS_SECONDS,
        reach: Reach | None = None,
    ) -> None:  # fmt: skip
        self.logs, self.target, self.beside = logs, target, beside
        self.tell, self.every = tell, every
        self.reach = reach or reach_of(target)
        self._ending = threading.Event()
        self._wanted = True
        self._newest = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin; the first copy is made after one interval."""
        self._thread.start()

    def end(self, seconds: float) -> None:
        """Ask for the end; a last copy is made if there is any time for it."""
        self._wanted = self._wanted and seconds > 0
        self._ending.set()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self.every):
            self.copy()
        if self._wanted:
            self.copy()

    def copy(self) -> None:
        """Make a copy now, if anything was logged since the last."""
        host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())
        name = f"{host}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.tar.gz"
        try:
            logs = sorted(self.logs.glob("*.log"))
            newest = max((path.stat().st_mtime for path in logs), default=0.0)
            if newest > self._newest and self.reach.call(pack, logs, self.beside, self.target, name, host):
                self._newest = newest
        except (OSError, tarfile.TarError) as error:
            self.tell(f"the logs are not copied: {reason(error) if isinstance(error, OSError) else error}")


def pack(logs: list[Path], beside: Path, target: Path, name: str, host: str) -> bool:
    """Put ``logs`` into the archive ``name`` in ``target``, and give up the oldest of ``host``; False if the folder
    ``beside`` is not there. Raises OSError, TarError."""
    if not beside.is_dir():
        return False
    beat()
    make_folder(target, PRIVATE_FOLDER)
    half = target / f".{name}.{os.getpid()}.tmp"
    touch_private(half)  # logs are nobody else's business
    try:
        with tarfile.open(half, "w:gz", compresslevel=LEVEL) as archive:
            for path in logs:
                beat()
                archive.add(path, arcname=f"{name.removesuffix('.tar.gz')}/{path.name}")
        beat()
        half.replace(target / name)
    finally:
        half.unlink(missing_ok=True)
    for old in sorted(target.glob(f"{host}-*.tar.gz"))[:-KEPT_LOGS]:
        beat()
        old.unlink()
    return True
