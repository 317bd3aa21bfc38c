"""Logical dumps: the second line, independent of everything that base backups and the log could have in common."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.modes import touch_private
from metaflow_anywhere.postgres import Programs
from metaflow_anywhere.postgres.sessions import guarded
from metaflow_anywhere.state.documents import Damaged, sealed, unsealed
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.layout import DUMPS

KEPT_DUMPS = 2
DUMP_SECONDS = 3600.0


@dataclass(frozen=True)
class Dump:
    """One dump on a drive: its file, when it was taken (epoch, s), its size, and the log's position at that time."""

    file: str
    time: float
    bytes: int
    sha256: str
    position: int


def dump_database(programs: Programs, conninfo: str, file: Path, level: int = 1) -> None:
    """``pg_dump``'s custom format of the database in ``conninfo``, compressed, for its owner only.

    Raises ProgramFailed and OSError.
    """
    touch_private(file)
    ourselves = Account(os.geteuid(), os.getegid()) if programs.account else None  # who may read the password's file
    programs.run(
        "pg_dump", "-d", guarded(conninfo), "-Fc", f"-Z{level}", "-f", file, timeout=DUMP_SECONDS, account=ourselves
    )  # fmt: skip


def publish_dump(drive: Drive, file: Path, position: int) -> Dump:
    """Put a local dump on the drive, its document last, and give up the oldest.

    It is read back before: what the drive did not keep must not replace an older one. Raises DriveError.
    """
    now = time.time()
    stem = f"{DUMPS}/{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"
    done = Dump(f"{stem}.dump", now, file.stat().st_size, drive.put_back(f"{stem}.dump", file), position)
    drive.put(f"{stem}.json", sealed(vars(done)))
    for old in dumps(drive)[KEPT_DUMPS:]:
        drive.delete(old.file.removesuffix(".dump") + ".json")
        drive.delete(old.file)
    return done


def dumps(drive: Drive) -> list[Dump]:
    """The dumps on the drive whose documents are whole, newest first."""
    found = []
    for name in drive.names(DUMPS):
        if name.endswith(".json"):
            try:
                found.append(Dump(**unsealed(drive.read(f"{DUMPS}/{name}"))))
            except (Damaged, DriveError, TypeError):
                continue
    return sorted(found, key=lambda one: one.time, reverse=True)


def newest_dump(drive: Drive) -> Dump | None:
    """The newest dump whose file is what was written."""
    for one in dumps(drive):
        try:
            if drive.sha256(one.file) == one.sha256:
                return one
        except DriveError:
            continue
    return None
