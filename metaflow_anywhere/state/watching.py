"""Wakes whoever waits for a folder to change: by the kernel's events where there are any, and always by a timer too."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from pathlib import Path
from types import TracebackType

from metaflow_anywhere.state.inotify import pyinotify


class Watch:
    """Waits for changes of the files in ``folder``. Events can be missed, so nobody may rely on them alone."""

    def __init__(self, folder: Path) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._manager = None
        if pyinotify is not None:
            with contextlib.suppress(OSError, pyinotify.WatchManagerError):
                self._manager = pyinotify.WatchManager()
                mask = pyinotify.IN_MODIFY | pyinotify.IN_CREATE | pyinotify.IN_MOVED_TO
                self._manager.add_watch(str(folder), mask, quiet=False)

    @property
    def has_events(self) -> bool:
        """Whether the kernel tells of changes; without, ``wait`` only ever returns at its time limit."""
        return self._manager is not None

    def wait(self, seconds: float) -> bool:
        """Wait for a change, a call of ``wake``, or the end of ``seconds``; True if it was not the last."""
        sources = [self._reading]
        if self._manager is not None:
            sources.append(self._manager.get_fd())
        ready, _, _ = select.select(sources, [], [], seconds)
        for source in ready:
            with contextlib.suppress(OSError):
                os.read(source, 1 << 16)  # what exactly happened does not matter: the reader looks for itself
        return bool(ready)

    def wake(self) -> None:
        """Have ``wait`` return now; may be called from a signal handler or another thread."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._writing, b"\0")

    def close(self) -> None:
        """Give the descriptors back."""
        if self._manager is not None:
            with contextlib.suppress(OSError):
                self._manager.close()
        for descriptor in (self._reading, self._writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Ending:
    """Whether, and how urgently, a program was asked to end."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.machine_goes = False

    def ask(self, *, machine_goes: bool = False) -> None:
        """Ask for the end; ``machine_goes`` if the database is being stopped by others at this moment."""
        self.machine_goes = self.machine_goes or machine_goes
        self.asked.set()
