"""Gathers what can be seen of a mirror, of the database here, and of what this machine remembers. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import DUMPS, INCARNATIONS, LEASE, IncarnationName, base_start
from metaflow_anywhere.state.lease import Lease, lease_of
from metaflow_anywhere.state.life import read_life
from metaflow_anywhere.state.moments import clock
from metaflow_anywhere.state.verdict import Local, Memory, Seen, Sign, branch, fork_of

End = Callable[[Incarnation], "int | None"]  # where the log of the database here ends
Commits = Callable[[Incarnation, int, int], "int | None"]  # how many commits lie between two positions of it


def gather(
    catalogue: Catalogue, data: Path | None = None, *, memory: Memory | None = None, end: End = lambda one: None,
    commits: Commits = lambda one, start, stop: None, others: tuple[Sign, ...] = (),
) -> Seen:  # fmt: skip
    """The evidence for and against a mirror; ``data`` is the database's folder here, if there may be one. ``others``
    are signs of an earlier database that are not in the mirror.

    Raises DriveError.
    """
    names = [*catalogue.incarnations, *catalogue.unreadable]
    mine = read_life(data) if data is not None and has_database(data) else None
    known = catalogue.incarnations
    # where nobody has gone on from here, the others' logs decide nothing, and each costs a look at the drive
    all_count = mine is None or any(name > mine.incarnation.name for name in known)
    looked_at = [name for name in known if all_count or (mine and name == mine.incarnation.name)]
    ends = {name: mirrored_end(catalogue, known[name]) for name in looked_at}
    lease = newest_lease(catalogue)
    signs = [*_lease_signs(catalogue, lease)]
    for name in sorted(names):
        one = catalogue.incarnations.get(name)
        faults = "; ".join(str(fault) for fault in catalogue.faults if fault.name.startswith(f"{name}/INC"))
        unborn = lease is not None and lease.holder == name and not lease.lived
        lived = not unborn or bool(set(catalogue.listing.names(str(name), halves=True)) - set(INCARNATIONS))
        signs.append(Sign(str(name), branch(one, ends) if one else faults, name, lived, ends.get(name, 0)))
    signs += [Sign(folder, "a snapshot") for folder in catalogue.snapshots]
    if dumps := catalogue.listing.names(DUMPS):
        signs.append(Sign(DUMPS, f"{len(dumps)} files of dumps"))
    signs += others
    states = bool(catalogue.snapshots) or any(map(catalogue.base_folders, catalogue.incarnations.values()))
    local = None
    if data is not None and has_database(data):
        local = _local(catalogue, data, mine.incarnation if mine else None, ends, end, commits)
    return Seen(tuple(signs), catalogue.incarnations, ends, states, local, memory)


def _local(
    catalogue: Catalogue, data: Path, mine: Incarnation | None, ends: dict[IncarnationName, int], end: End,
    commits: Commits,
) -> Local:  # fmt: skip
    if mine is None:
        return Local(None)
    life = read_life(data)
    reached = end(mine)
    own = None
    newest = catalogue.newest
    if newest and reached is not None and newest.name > mine.name:
        fork = fork_of(newest, mine.name, catalogue.incarnations)
        own = 0 if fork is not None and reached <= fork else commits(mine, fork, reached) if fork is not None else None
    return Local(mine, bool(life and life.is_copy(data)), reached, own)


def has_database(data: Path) -> bool:
    """Whether there is a cluster in the folder ``data``."""
    return (data / "global" / "pg_control").is_file()


def shipped_end(catalogue: Catalogue, one: Incarnation) -> int:
    """Up to where ``one`` has written its log to the drive."""
    ends = [name.end for name in catalogue.wal(one) if name.timeline == one.timeline]
    return max(ends, default=one.start)


def mirrored_end(catalogue: Catalogue, one: Incarnation) -> int:
    """Up to where the mirror knows the log of ``one``: by its ranges, and by a base, which may be ahead of them."""
    starts = [base_start(folder.rpartition("/")[2]) or 0 for folder in catalogue.base_folders(one)]
    return max(shipped_end(catalogue, one), *starts, 0)


def newest_lease(catalogue: Catalogue) -> Lease | None:
    """The newest of the leases that the drive shows, which may keep older ones too."""
    found = [lease_of(catalogue.drive, version) for version in catalogue.listing.versions(LEASE)]
    return max((one for one in found if one), key=lambda one: one.holder, default=None)


def _lease_signs(catalogue: Catalogue, lease: Lease | None) -> list[Sign]:
    if lease is not None:
        name = lease.holder
        what = f"incarnation {name.sequence}-{name.owner} of {lease.host}, taken {clock(lease.time)}"
        signs = [Sign(LEASE, what, name, lease.lived)]
        if lease.above:
            was = f"incarnation {lease.above.sequence}-{lease.above.owner} was the newest when {lease.host} took over"
            signs.append(Sign(LEASE, was, lease.above))
        return signs
    present = catalogue.listing.versions(LEASE)
    return [Sign(LEASE, "it cannot be read, or has not arrived yet")] if present else []


def look_at(drive: Drive, data: Path | None = None, memory: Memory | None = None) -> Seen:
    """``gather`` of the drive as it is now, without looking into the database's files."""
    return gather(Catalogue(drive), data, memory=memory)
