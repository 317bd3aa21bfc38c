"""The last look at a database that was stopped: where its log ends, and the mark that all of it is on the drive."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from metaflow_anywhere.postgres import Cluster, ProgramFailed
from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.holes import files_missing, log_hole
from metaflow_anywhere.state.lsn import format_lsn, parse_lsn
from metaflow_anywhere.state.marks import keep_documents, mark_clean
from metaflow_anywhere.state.pages import after
from metaflow_anywhere.state.shipping import LogGone, Shipper, read_log
from metaflow_anywhere.state.signs import shipped_end

STOPPING = "stopping"


class Hole(DriveError):
    """Files that were written to the mirror are not there any more, and a restore would need them."""


@dataclass(frozen=True)
class Stopped:
    """A database that was shut down: its log ends at ``end``; ``transactions`` were given a number so far. ``carried``
    says whether the mirror did not say so yet."""

    end: int
    transactions: int
    carried: bool = False


def stopped(cluster: Cluster, one: Incarnation) -> Stopped | None:
    """Where the log of a cleanly stopped cluster ends; None if it runs, or was killed."""
    if cluster.server_pid() is not None:
        return None
    try:
        printed = cluster.programs.run("pg_controldata", "-D", cluster.data)
    except ProgramFailed:
        return None
    if not re.search(r"cluster state:\s+shut down\n", printed):
        return None
    checkpoint = re.search(r"Latest checkpoint location:\s+(\S+)", printed)
    numbered = re.search(r"NextXID:\s+(\d+):(\d+)", printed)
    assert checkpoint and numbered
    end = record_end(cluster.data, one, parse_lsn(checkpoint[1]))
    return Stopped(end, (int(numbered[1]) << 32) + int(numbered[2]))


def record_end(data: Path, one: Incarnation, start: int) -> int:
    """Where the log record at ``start`` ends."""
    length: int = struct.unpack("<I", read_log(data, one, start, start + 4))[0]
    return after(start, length, one.segments.size)


def is_stopping(cluster: Cluster) -> bool:
    """Whether the server has begun to shut down, or is gone already."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return True
    return cluster.server_pid() is None or (len(lines) > 7 and lines[7].strip() == STOPPING)


def flush(drive: Drive, cluster: Cluster, one: Incarnation) -> Stopped | None:
    """Carry what is left of the log of a stopped cluster to the drive, and mark it complete; None if it was killed.

    Repeating it writes nothing. Raises Hole where files that were written before are gone; DriveError, LogGone.
    """
    at_end = stopped(cluster, one)
    if at_end is None:
        return None
    catalogue = Catalogue(drive)
    shipper = Shipper(drive, cluster.data, one, shipped_end(catalogue, one))
    while shipper.ship(at_end.end):
        pass
    keep_documents(drive, catalogue, one)
    require_whole(Catalogue(drive), one, at_end.end)
    carried = catalogue.clean_end(one) != at_end.end
    mark_clean(drive, catalogue, one, at_end.end)
    return replace(at_end, carried=carried)


def require_whole(catalogue: Catalogue, one: Incarnation, end: int) -> None:
    """Raise Hole unless a base, perhaps of an earlier incarnation, and the log since lead to ``end``, by the names and
    sizes of their files."""
    own = [base for folder in catalogue.base_folders(one) if (base := catalogue.base(folder))]
    damage = [files_missing(catalogue, base) for base in own]
    sound = [base for base, what in zip(own, damage, strict=True) if what is None]
    if own and not sound:
        raise Hole(str(damage[0]))
    before = [folder for earlier in catalogue.path(one)[1:] for folder in catalogue.base_folders(earlier)]
    if not own and not any(catalogue.base(folder) for folder in [*before, *([one.base] if one.base else [])]):
        raise Hole("there is no base backup yet, without which the log is of no use")
    hole = log_hole(catalogue, one, sound[0].log_end if sound else one.start, end)
    if hole:
        raise Hole(f"log {format_lsn(hole[0])} to {format_lsn(hole[1])} of {one.name} was there and is gone")


__all__ = ["Hole", "LogGone", "Stopped", "flush", "is_stopping", "record_end", "shipped_end", "stopped"]
