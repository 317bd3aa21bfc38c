"""The mark in a data directory that says which incarnation it is living, and that it is no copy of one."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.modes import write_private
from metaflow_anywhere.state.catalogue import Incarnation
from metaflow_anywhere.state.documents import Damaged

MARK = "anywhere-life.json"
MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True)
class Life:
    """Which incarnation a data directory lives, and where: ``inode`` is the directory's, ``machine`` its machine's."""

    incarnation: Incarnation
    inode: int
    machine: str

    def is_copy(self, data: Path) -> bool:
        """Whether ``data`` was copied here from where it was marked.

        A copy of a live data directory may be torn in ways that nothing notices, so its mirror is trusted more. A
        folder that was moved keeps its inode and is no copy.
        """
        return (self.inode, self.machine) != (data.stat().st_ino, machine_id())


def read_life(data: Path) -> Life | None:
    """The mark in ``data``; None if there is none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, Damaged):
        found = json.loads((data / MARK).read_text())
        return Life(Incarnation.from_document(found["incarnation"]), found["inode"], found["machine"])
    return None


def write_life(data: Path, incarnation: Incarnation, account: Account | None) -> None:
    """Mark ``data``. Raises AnywhereError."""
    half = data / f".{MARK}.new"
    mark = {"incarnation": incarnation.document(), "inode": data.stat().st_ino, "machine": machine_id()}
    try:
        write_private(half, json.dumps(mark))
        if account:
            account.owns(half)
        half.replace(data / MARK)
    except OSError as error:
        raise AnywhereError(f"cannot mark the database folder {data}", why=reason(error)) from error


def machine_id() -> str:
    """What tells this machine from others; empty where the system has no such thing."""
    with contextlib.suppress(OSError):
        return MACHINE_ID.read_text().strip()
    return ""
