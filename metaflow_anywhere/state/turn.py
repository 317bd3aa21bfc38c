"""Who writes to a mirror from this machine, one at a time: snapshots, bases, dumps, restores, removals.

The log needs no turn: its ranges have names of their own, and waiting would lose commits. The lock is the kernel's, on
a local file: whoever dies leaves it free.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import again
from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder

TURN = "mirror.lock"  # beside the folder for what is on its way
WAIT_SECONDS = 300.0  # a base of some gigabytes may be on its way
SAY_SECONDS = 2.0  # a turn that takes longer is told
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Turn:
    """The turn that is kept in the local file ``path``."""

    path: Path

    @contextlib.contextmanager
    def take(
        self, what: str, say: Callable[[str], None] = lambda text: None, *, seconds: float = WAIT_SECONDS
    ) -> Iterator[None]:
        """Hold the turn for ``what`` while the block lasts. Raises AnywhereError after ``seconds``."""
        began, told = time.monotonic(), False
        with self._open() as file:
            while not self._get(file):
                waited = time.monotonic() - began
                if waited > seconds:
                    raise AnywhereError(
                        "another command of this machine writes to the mirror",
                        why=f"{self._holder(file)}, and it has not ended for {waited:.0f} s",
                        run=again(),
                    )
                if waited > SAY_SECONDS and not told:
                    told = True
                    say(f"waiting for {self._holder(file)}")
                time.sleep(POLL_SECONDS)
            self._sign(file, what)
            yield

    @contextlib.contextmanager
    def take_if_free(self, what: str) -> Iterator[bool]:
        """Hold the turn for ``what`` if nobody has it; yields whether that is so."""
        with self._open() as file:
            got = self._get(file)
            if got:
                self._sign(file, what)
            yield got

    def _open(self) -> IO[str]:
        make_folder(self.path.parent, PRIVATE_FOLDER, PRIVATE_FOLDER)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "r+")

    @staticmethod
    def _get(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @staticmethod
    def _sign(file: IO[str], what: str) -> None:
        with contextlib.suppress(OSError):  # a full disk: it is for people only
            file.seek(0)
            file.truncate()
            json.dump({"what": what, "pid": os.getpid(), "since": time.time()}, file)
            file.flush()

    @staticmethod
    def _holder(file: IO[str]) -> str:
        try:
            file.seek(0)
            found = json.load(file)
            since = time.strftime("%H:%M:%S", time.localtime(found["since"]))
            return f"{found['what']} (process {found['pid']}) has been at it since {since}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another one is at it"


def own_stage(folder: Path) -> Path:
    """The name of a new folder below the local ``folder`` for what is on its way to a drive.

    Call it with the turn held: what is below ``folder`` already was left by those who died, whose backups may still be
    writing there.
    """
    make_folder(folder, PRIVATE_FOLDER, PRIVATE_FOLDER)
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
    return Path(tempfile.mkdtemp(dir=folder, prefix=f"{os.getpid()}-")) / "files"
