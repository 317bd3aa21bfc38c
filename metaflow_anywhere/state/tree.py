"""Tells which files below a folder were written: by the kernel's events where those can be had, else by their times."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow_anywhere.far.hand import beat
from metaflow_anywhere.far.reach import Reach
from metaflow_anywhere.state.inotify import pyinotify

LOOK_SECONDS = 10.0  # without events
LOOK_SHARE = 10  # looking at all files takes at most one part of this many of the time
OVERLAP_SECONDS = 2.0  # some file systems tell times in steps of two seconds
OPEN_SECONDS = 60.0  # a file that was written to before is not being written any more
FILLING = ".anywhere-filling"  # in a folder that is being filled from its copy
FILLED = ".anywhere-filled"  # in one that was
ARRIVING = ".arriving"  # below a folder that is copied to: files on their way
REPLACED = ".replaced"  # below a folder that was filled: what newer files took the place of
OURS = (FILLING, FILLED, ARRIVING, REPLACED)  # at the top of a folder, and never copied
HALF = ".tmp"  # how names end of what somebody is most likely still writing


def files_below(folder: Path, since: float = 0.0) -> Iterator[Path]:
    """Every plain file below ``folder`` that was written, or got its name, at ``since`` (epoch, s) or later.

    Links are not followed: what they lead to has a place of its own.
    """
    top = True
    for place, folders, names in os.walk(folder):
        if top:
            folders[:] = [one for one in folders if one not in OURS]
            names[:] = [one for one in names if one not in OURS]
            top = False
        for name in names:
            path = Path(place, name)
            try:
                found = path.lstat()
            except OSError:  # gone meanwhile
                continue
            if stat.S_ISREG(found.st_mode) and found.st_ctime >= since - OVERLAP_SECONDS:
                yield path


@dataclass(frozen=True)
class Pair:
    """A plain file by its path below two folders, as it is in each; None where it is not."""

    path: str
    here: os.stat_result | None
    there: os.stat_result | None


def pairs_below(here: Path, there: Path, reach: Reach) -> Iterator[Pair]:
    """Every plain file below either folder, one of which ``reach`` leads to. Each directory is listed once. Raises
    OSError for one that is there and cannot be read."""
    left = [""]
    while left:
        place = left.pop()
        ours, theirs = reach.call(listed, here / place), reach.call(listed, there / place)
        for name in sorted({*ours, *theirs}):
            if not place and name in OURS:
                continue
            path = f"{place}/{name}" if place else name
            one, other = ours.get(name), theirs.get(name)
            if any(found is not None and stat.S_ISDIR(found.st_mode) for found in (one, other)):
                left.append(path)
            one, other = _plain(one), _plain(other)
            if one or other:
                yield Pair(path, one, other)


def listed(folder: Path) -> dict[str, os.stat_result]:
    """What is in ``folder``, as it is; nothing if that is not there."""
    found = {}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            beat()
            with contextlib.suppress(FileNotFoundError):
                found[entry.name] = entry.stat(follow_symlinks=False)
    return found


def _plain(found: os.stat_result | None) -> os.stat_result | None:
    return found if found is not None and stat.S_ISREG(found.st_mode) else None


class Tree:
    """The files below ``folder``. ``blind`` says why there are no events, where there are none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blind: str | None = "not on this system" if pyinotify is None else None
        self._written: dict[Path, None] = {}
        self.certain = time.time()  # everything written before was told
        self._look_at = 0.0
        self._overflow = False
        self._notifier: Any = None
        self._ours = {(name,) for name in OURS}
        if pyinotify is not None:
            self._listen()

    def written(self, seconds: float) -> list[Path]:
        """Wait up to ``seconds`` for news; returns the files that were written since the last call."""
        if self._notifier is None:
            time.sleep(seconds)
        elif self._notifier.check_events(timeout=int(seconds * 1000)):
            self._read()
        if self.blind:
            self.close()
        if self._notifier is None and time.monotonic() >= self._look_at:
            self.look()
        found, self._written = list(self._written), {}
        return found

    def look(self, before: float = 0.0) -> None:
        """Look at all files: whatever was written since the last time is news, or so many seconds before that."""
        began, certain = time.monotonic(), time.time()
        for path in files_below(self.folder, self.certain - before):
            self._written[path] = None
        self.certain = certain
        self._look_at = began + max(LOOK_SECONDS, LOOK_SHARE * (time.monotonic() - began))

    def close(self) -> None:
        """Give the watches back."""
        if self._notifier is not None:
            self._notifier.stop()
            self._notifier = None

    # ---- events

    def _listen(self) -> None:
        self._manager = pyinotify.WatchManager()
        self._notifier = pyinotify.Notifier(self._manager, self._heard)
        self._watch(self.folder)

    def _read(self) -> None:
        now, self._overflow = time.time(), False
        self._notifier.read_events()
        self._notifier.process_events()
        if self._overflow:
            self.look(OPEN_SECONDS)
        elif not self.blind:
            self.certain = now

    def _watch(self, folder: Path) -> None:
        mask = pyinotify.IN_CLOSE_WRITE | pyinotify.IN_MOVED_TO | pyinotify.IN_CREATE | pyinotify.IN_ONLYDIR
        try:
            self._manager.add_watch(str(folder), mask, rec=True, quiet=False)
        except (OSError, pyinotify.WatchManagerError) as error:
            if folder.is_dir():
                self._go_blind(str(error))

    def _go_blind(self, why: str) -> None:
        """Give all watches back: others need some too, and half of the events are as good as none."""
        limit = "ENOSPC" in why or "No space" in why
        self.blind = "the limit fs.inotify.max_user_watches is reached" if limit else why
        self._look_at = 0.0

    def _heard(self, event: Any) -> None:
        if event.mask & pyinotify.IN_Q_OVERFLOW:
            self._overflow = True
        elif Path(event.pathname).relative_to(self.folder).parts[:1] in self._ours:
            return
        elif event.mask & pyinotify.IN_ISDIR and event.mask & (pyinotify.IN_CREATE | pyinotify.IN_MOVED_TO):
            folder = Path(event.pathname)
            if not self.blind:
                self._watch(folder)
            self._written.update(dict.fromkeys(files_below(folder)))  # what was there before the watch was
        elif event.mask & (pyinotify.IN_CLOSE_WRITE | pyinotify.IN_MOVED_TO):
            self._written[Path(event.pathname)] = None
