"""How a stack is, as one document for the web UI: what can be slow is looked at in the background and said to be as old
as it is."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

from metaflow_anywhere import __version__
from metaflow_anywhere.stack.client import as_exports, as_notebook, client_environment
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.stack.status import status
from metaflow_anywhere.state.drive import DriveError
from metaflow_anywhere.state.snapshots import Snapshot, snapshots
from metaflow_anywhere.state.standing import Standing, read_standing

PROGRAMS_SECONDS = 1.0
DISK_SECONDS = 10.0
SNAPSHOTS_SECONDS = 30.0  # each look reads the drive's listing, which on a mounted cloud drive is slow
PATIENCE_SECONDS = 2.0  # for the first look; whoever asks is not kept longer
FINE = ("starting", "current")  # states of the mirror in which nothing is wrong
TOLD_OF_PROGRAM = ("program", "state", "address", "memory", "uptime", "answer_ms", "detail")

T = TypeVar("T")


class Looked(Generic[T]):
    """What ``look`` found last. It looks again in the background, when somebody asks and that is ``seconds`` old."""

    def __init__(self, look: Callable[[], T], seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._looking = False
        self._began = 0.0
        self.found: T | None = None
        self.at: float | None = None  # epoch seconds

    def ask(self) -> T | None:
        """What was found last; None if nothing has been yet, which only the first to ask wait for."""
        with self._lock:
            if not self._looking and time.monotonic() - self._began >= self._seconds:
                self._looking = True
                self._began = time.monotonic()
                threading.Thread(target=self._work, daemon=True).start()
        if self.at is None:
            self._done.wait(PATIENCE_SECONDS)
        return self.found

    def _work(self) -> None:
        try:
            found = self._look()
            self.found, self.at = found, time.time()
        except (OSError, DriveError):
            pass  # what was known before stays, with its time
        finally:
            self._looking = False
            self._done.set()


class Report:
    """The document of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._programs = Looked(lambda: status(stack), PROGRAMS_SECONDS)
        self._disk = Looked(lambda: stack.reach.call(disk_of, stack.settings.root), DISK_SECONDS)
        self._snapshots = Looked(lambda: snapshots(stack.drive), SNAPSHOTS_SECONDS)

    def document(self) -> dict[str, Any]:
        """All that is known now. Times are epoch seconds, sizes bytes; what is not known is null.

        ``snapshots_at`` and ``disk_at`` say when the drive was looked at.
        """
        settings = self._stack.settings
        programs, disk, kept = self._programs.ask(), self._disk.ask(), self._snapshots.ask()
        variables = client_environment(settings, os.environ)
        return {
            "name": socket.gethostname(),
            "version": __version__,
            "root": str(settings.root),
            "url": self._stack.proxy_url,
            "public_url": None if _is_here(settings.ui_ext_url) else settings.ui_ext_url,
            "programs": programs and [{name: asdict(one)[name] for name in TOLD_OF_PROGRAM} for one in programs],
            "mirror": _mirror(read_standing(self._stack.standing_file)),
            "snapshots": None if kept is None else [_snapshot(one) for one in reversed(kept)],
            "snapshots_at": self._snapshots.at,
            "disk": disk,
            "disk_at": self._disk.at,
            "client": {"shell": as_exports(variables), "notebook": as_notebook(variables)},
            "now": time.time(),
        }


def disk_of(root: Path) -> dict[str, int]:
    """Free and all bytes of the disk of ``root``."""
    found = shutil.disk_usage(root)
    return {"free": found.free, "total": found.total}


def _is_here(url: str) -> bool:
    """Whether ``url`` leads to this machine only."""
    return urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost")


def _mirror(standing: Standing | None) -> dict[str, Any] | None:
    if standing is None:
        return None
    if standing.alive:
        since = None if standing.state in FINE else standing.since
        told = (standing.problem, standing.base_problem)
    else:
        since, told = standing.beat, ("nobody keeps it now", None)
    return {
        "state": standing.state if standing.alive else "stopped",
        "saved_at": standing.last_saved,
        "behind_bytes": standing.behind_bytes,
        "degraded_since": since or None,
        "detail": "; ".join(one for one in told if one),
        "newest_base_at": standing.newest_base["time"] if standing.newest_base else None,
        "holder": standing.host or None,
        "bytes_per_minute": standing.bytes_per_minute,
        "files_per_minute": standing.files_per_minute,
    }


def _snapshot(one: Snapshot) -> dict[str, Any]:
    verified = False if one.damage else True if one.verified else None
    return {
        "name": one.name, "time": one.time or None, "bytes": one.bytes or None, "rows": one.rows or None,
        "origin": one.host or None, "verified": verified,
    }  # fmt: skip
