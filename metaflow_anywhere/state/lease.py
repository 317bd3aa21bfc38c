"""Who may write to a mirror. The newest taker may; everybody else must notice and stop.

A lease on a cloud drive cannot be a lock, and none is needed for safety: every incarnation writes into a folder of its
own. The lease is what makes the older one stop soon.
"""

from __future__ import annotations

import math
import secrets
import socket
import time
from dataclasses import dataclass

from metaflow_anywhere.state.documents import Damaged, sealed, unsealed
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.layout import FENCED, LEASE, IncarnationName

THOROUGH_SECONDS = 10.0  # between two looks at all signs of another machine, while its first sign does not change


@dataclass(frozen=True)
class Lease:
    """The holder, the machine that took it, and when (epoch, seconds). ``lived`` is false while its database has not
    run yet: should that never happen, nothing was ever in it. ``above`` is then the newest incarnation that anything
    named before: this file may have been all that did."""

    holder: IncarnationName
    host: str
    time: float
    lived: bool = True
    above: IncarnationName | None = None


class Fenced(Exception):
    """Another incarnation is newer than ours: we must write nothing more, and stop the database."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(f"{lease.host or 'another machine'} has taken over (incarnation {lease.holder.sequence})")
        self.lease = lease


def read_lease(drive: Drive) -> Lease | None:
    """The lease as it is on the drive; None if there is none or it cannot be understood. Raises DriveError."""
    return lease_of(drive, LEASE) if drive.exists(LEASE) else None


def lease_of(drive: Drive, name: str) -> Lease | None:
    """The lease in the file ``name``; None if it cannot be understood. Raises DriveError."""
    try:
        found = unsealed(drive.read(name))
        holder = IncarnationName(found["sequence"], found["owner"])
        above = IncarnationName.parse(found.get("above") or "")
        return Lease(holder, found["host"], found["time"], found.get("lived", True), above)
    except (Damaged, KeyError):
        return None


def take_lease(drive: Drive, *, above: IncarnationName | None = None) -> Lease:
    """Become the newest holder, also newer than ``above``; the database has not lived yet. Raises DriveError."""
    highest = max((name.sequence for name in _incarnations(drive)), default=0)
    before = read_lease(drive)
    named = [one for one in (above, before and before.above, before and before.lived and before.holder) if one]
    highest = max([highest, *(one.sequence for one in named), before.holder.sequence if before else 0])
    name = IncarnationName(highest + 1, secrets.token_hex(4))
    lease = Lease(name, socket.gethostname(), time.time(), lived=False, above=max(named, default=None))
    _write(drive, lease)
    return lease


def begin_living(drive: Drive, holder: IncarnationName) -> None:
    """Say that the database of ``holder`` runs from now on: before its first commit. Raises DriveError."""
    lease = read_lease(drive)
    if lease is None or (lease.holder == holder and not lease.lived):
        _write(drive, Lease(holder, socket.gethostname(), time.time()))


def _write(drive: Drive, lease: Lease) -> None:
    document = {
        "sequence": lease.holder.sequence, "owner": lease.holder.owner, "host": lease.host, "time": lease.time,
        "lived": lease.lived, "above": str(lease.above) if lease.above else None,
    }  # fmt: skip
    drive.put(LEASE, sealed(document))


def check_lease(drive: Drive, mine: IncarnationName) -> None:
    """Raise Fenced if the lease, or any incarnation on the drive, is newer than ``mine``; DriveError if unreadable.

    Incarnations are looked at as well, since a cloud drive may show an old lease for long. Of two with one number,
    which two replicas of a drive can have, the one with the greater owner goes on, unless it has stopped already.
    """
    lease = read_lease(drive)
    if lease and lease.holder != mine and lease.holder.sequence >= mine.sequence:
        raise Fenced(lease)
    for name in _incarnations(drive):
        beside = name.sequence == mine.sequence and name > mine and not drive.exists(f"{name}/{FENCED}")
        if name.sequence > mine.sequence or beside:
            raise Fenced(Lease(name, "", 0.0))


class LeaseWatch:
    """Checks the lease often at little cost: mostly by one look at its file, which every taker replaces; now and then
    as ``check_lease`` does, since a cloud drive may show an old lease, and not tell that it changed."""

    def __init__(self, drive: Drive, mine: IncarnationName, thorough_seconds: float = THOROUGH_SECONDS) -> None:
        self.drive, self.mine, self.thorough_seconds = drive, mine, thorough_seconds
        self._seen: object = None
        self._thorough_at = -math.inf

    def check(self) -> None:
        """As ``check_lease``."""
        mark = self.drive.mark(LEASE)
        if mark is not None and mark == self._seen and time.monotonic() < self._thorough_at:
            return
        check_lease(self.drive, self.mine)
        self._seen, self._thorough_at = mark, time.monotonic() + self.thorough_seconds


def _incarnations(drive: Drive) -> list[IncarnationName]:
    return [name for entry in drive.names() if (name := IncarnationName.parse(entry))]


__all__ = [
    "DriveError", "Fenced", "Lease", "LeaseWatch", "begin_living", "check_lease", "lease_of", "read_lease",
    "take_lease",
]  # fmt: skip
