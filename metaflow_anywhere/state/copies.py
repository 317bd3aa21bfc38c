"""Copies of plain files in root: what flows write once (artifacts, logs of tasks, cards), and sometimes our own logs.

Files are copied by rsync as they appear, and all of them are compared from time to time, since events can be missed.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from metaflow_anywhere.errors import AnywhereError, reason

try:
    import pyinotify
except ImportError:  # not on this system
    pyinotify = None

SETTLE_SECONDS = 1.0  # files come in flocks: one rsync for all of one
RECONCILE_SECONDS = 600.0
LOGS_SECONDS = 600.0  # a file that is often rewritten may never be uploaded
KEPT_LOGS = 5
RSYNC = ("rsync", "--recursive", "--times", "--whole-file", "--modify-window=2", "--no-links", "--exclude=.*.tmp")
Tell = Callable[[str], None]


class CopyFailed(Exception):
    """rsync did not copy; the text is its reason."""


def rsync(source: Path, target: Path, only: Iterable[Path] = ()) -> None:
    """Bring what ``target`` lacks of the folder ``source``; ``only`` these files of it, if any are given.

    Nothing is ever deleted. Raises CopyFailed.
    """
    if shutil.which("rsync") is None:
        raise CopyFailed("the program rsync is missing (apt-get install rsync)")
    names = "\n".join(str(path.relative_to(source)) for path in only)
    chosen = ["--files-from=-", "--ignore-missing-args"] if names else []
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CopyFailed(reason(error)) from error
    done = subprocess.run(
        [*RSYNC, *chosen, f"{source}/", f"{target}/"], input=names, capture_output=True, text=True, check=False
    )
    gone_meanwhile = 24  # files that vanish while they are copied are nobody's loss
    if done.returncode not in (0, gone_meanwhile):
        lines = done.stderr.strip().splitlines()
        raise CopyFailed(lines[0] if lines else f"rsync ended with status {done.returncode}")


class FileCopies:
    """Keeps ``target`` a copy of ``source`` in a thread of its own. Failures are told, and tried again."""

    def __init__(self, source: Path, target: Path, tell: Tell, *, reconcile: float = RECONCILE_SECONDS) -> None:
        self.source, self.target, self.tell, self.reconcile = source, target, tell, reconcile
        self._ending = threading.Event()
        self._changed: set[Path] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin; everything is compared once at the beginning."""
        self._thread.start()

    def stop(self) -> None:
        """Copy what is left, and end."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        notifier = self._notifier()
        last = -self.reconcile
        while not self._ending.is_set():
            if notifier is None:
                self._ending.wait(SETTLE_SECONDS)
            elif notifier.check_events(timeout=SETTLE_SECONDS * 1000):
                self._ending.wait(SETTLE_SECONDS)
                notifier.read_events()
                notifier.process_events()
            everything = time.monotonic() - last >= (self.reconcile if notifier else 10 * SETTLE_SECONDS)
            if self._copy(everything) and everything:
                last = time.monotonic()
        self._copy(True)
        if notifier is not None:
            notifier.stop()

    def _copy(self, everything: bool) -> bool:
        """Copy what changed, or all; True if that went well."""
        changed = {path for path in self._changed if path.is_file()}
        if not everything and not changed:
            return True
        try:
            rsync(self.source, self.target, () if everything else changed)
        except CopyFailed as error:
            self.tell(f"{self.source} is not copied: {error}")
            self._ending.wait(10 * SETTLE_SECONDS)
            return False
        self._changed -= changed
        return True

    def _notifier(self) -> Any:
        if pyinotify is None:
            return None
        try:
            manager = pyinotify.WatchManager()
            mask = pyinotify.IN_CLOSE_WRITE | pyinotify.IN_MOVED_TO | pyinotify.IN_CREATE
            notifier = pyinotify.Notifier(manager, lambda event: self._changed.add(Path(event.pathname)))
            manager.add_watch(str(self.source), mask, rec=True, auto_add=True, quiet=False)
        except (OSError, pyinotify.WatchManagerError) as error:
            self.tell(f"no events from {self.source}, a timer instead: {error}")
            return None
        return notifier


class LogCopies:
    """Copies the folder ``logs`` now and then, whole, below ``target`` under a new name each time."""

    def __init__(self, logs: Path, target: Path, tell: Tell, *, every: float = LOGS_SECONDS) -> None:
        self.logs, self.target, self.tell, self.every = logs, target, tell, every
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._copied = 0.0

    def start(self) -> None:
        """Begin; the first copy is made after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """Make a last copy, and end."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self.every):
            self._copy()
        self._copy()

    def _copy(self) -> None:
        host = socket.gethostname()
        try:
            newest = max((path.stat().st_mtime for path in self.logs.glob("*.log")), default=0.0)
            if newest <= self._copied:
                return
            folder = self.target / f"{host}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
            half = folder.with_name(f".{folder.name}.tmp")
            shutil.copytree(self.logs, half, dirs_exist_ok=True)
            half.rename(folder)
            self._copied = newest
            for old in sorted(self.target.glob(f"{host}-*"))[:-KEPT_LOGS]:
                shutil.rmtree(old, ignore_errors=True)
        except (OSError, shutil.Error) as error:
            self.tell(f"the logs are not copied: {error}")


def bring_back(source: Path, target: Path) -> bool:
    """Fill the folder ``target``, if there is nothing in it, from its copy ``source``; True if that was done.

    Raises AnywhereError.
    """
    if not source.is_dir() or any(path.is_file() for path in target.rglob("*")):
        return False
    try:
        rsync(source, target)
    except CopyFailed as error:
        raise AnywhereError(f"{target} cannot be filled from {source}", why=str(error), run="invoke doctor") from error
    return True
