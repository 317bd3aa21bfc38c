"""The mirror's program is begun before its database is there: it imports, and waits until the mirror is claimed for it.

A lock of the system stands for the claim that is under way. So nobody is waited for who is gone, however it ended.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from metaflow_anywhere.modes import open_private

FILE = "claiming"  # in the stack's folder


class Claiming:
    """Whether this command is about to claim the mirror of the stack in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        """Whether the mirror's program, where it was begun now, waits for this command."""
        return self._file is not None

    def hold(self) -> bool:
        """Have the mirror's program wait from now on; False if another command does already."""
        file = open_private(self._path, "w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Have it go on."""
        if self._file is not None:
            self._file.close()
            self._file = None


def await_claimed(folder: Path) -> None:
    """Wait for the command that is about to claim the mirror of the stack in ``folder``, if there is one."""
    with open_private(folder / FILE, "w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
