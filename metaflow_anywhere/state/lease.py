"""Who may write to a mirror. The newest taker may; everybody else must notice and stop.

A lease on a cloud drive cannot be a lock, and none is needed for safety: every incarnation writes into a folder of its
own. The lease is what makes the older one stop soon.
"""

from __future__ import annotations

import secrets
import socket
import time
from dataclasses import dataclass

from metaflow_anywhere.state.documents import Damaged, sealed, unsealed
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.layout import LEASE, IncarnationName


@dataclass(frozen=True)
class Lease:
    """The holder, the machine that took it, and when (epoch, seconds)."""

    holder: IncarnationName
    host: str
    time: float


class Fenced(Exception):
    """Another incarnation is newer than ours: we must write nothing more, and stop the database."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(f"{lease.host or 'another machine'} has taken over (incarnation {lease.holder.sequence})")
        self.lease = lease


def read_lease(drive: Drive) -> Lease | None:
    """The lease as it is on the drive; None if there is none or it cannot be understood. Raises DriveError."""
    if not drive.exists(LEASE):
        return None
    try:
        found = unsealed(drive.read(LEASE))
        return Lease(IncarnationName(found["sequence"], found["owner"]), found["host"], found["time"])
    except (Damaged, KeyError):
        return None


def take_lease(drive: Drive) -> Lease:
    """Become the newest holder. Raises DriveError."""
    highest = max((name.sequence for name in _incarnations(drive)), default=0)
    before = read_lease(drive)
    if before:
        highest = max(highest, before.holder.sequence)
    lease = Lease(IncarnationName(highest + 1, secrets.token_hex(4)), socket.gethostname(), time.time())
    document = {"sequence": lease.holder.sequence, "owner": lease.holder.owner, "host": lease.host, "time": lease.time}
    drive.put(LEASE, sealed(document))
    return lease


def check_lease(drive: Drive, mine: IncarnationName) -> None:
    """Raise Fenced if the lease, or any incarnation on the drive, is newer than ``mine``; DriveError if unreadable.

    Incarnations are looked at as well, since a cloud drive may show an old lease for long.
    """
    lease = read_lease(drive)
    if lease and lease.holder != mine and lease.holder.sequence >= mine.sequence:
        raise Fenced(lease)
    for name in _incarnations(drive):
        if name.sequence > mine.sequence:
            raise Fenced(Lease(name, "", 0.0))


def _incarnations(drive: Drive) -> list[IncarnationName]:
    return [name for entry in drive.names() if (name := IncarnationName.parse(entry))]


__all__ = ["DriveError", "Fenced", "Lease", "check_lease", "read_lease", "take_lease"]
