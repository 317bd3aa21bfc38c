"""How a running database becomes the newest incarnation of a mirror, so that ``sync`` may write for it."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command
from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import IncarnationName
from metaflow_anywhere.state.lease import begin_living, read_lease, take_lease
from metaflow_anywhere.state.life import read_life, write_life
from metaflow_anywhere.state.marks import mark_opened, publish_incarnation
from metaflow_anywhere.state.server import Server
from metaflow_anywhere.state.signs import gather, newest_lease
from metaflow_anywhere.state.verdict import Choice, Kind, Memory, Situation, stand

LONGEST_LINEAGE = 500  # of 40 bytes each


def holds(drive: Drive, data: Path) -> bool:
    """Whether the database in ``data`` is the one that may write to ``drive``. Raises DriveError."""
    life, lease = read_life(data), read_lease(drive)
    return life is not None and lease is not None and lease.holder == life.incarnation.name


def claim(
    drive: Drive, server: Server, data: Path, account: Account | None, *, choice: Choice | None = None,
    memory: Memory | None = None,
) -> Incarnation:  # fmt: skip
    """The incarnation that the database in ``data``, served by ``server``, lives from now on; nothing is done if it
    holds the lease already. Raises DriveError, ServerGone, and AnywhereError where going on is not for us to decide:
    another machine went on from here, root is not the one of this database, or both (see ``verdict``).
    """
    catalogue = Catalogue(drive)
    seen = gather(catalogue, data, memory=memory, end=lambda _: server.flushed())
    found = stand(seen, choice)
    _require_newest(found)
    drive.prepare()
    life, lease = read_life(data), newest_lease(catalogue)
    mine = life.incarnation if life else None
    if mine and not found.found and lease and lease.holder == mine.name:
        mark_opened(drive, catalogue, mine)
        if mine.name not in catalogue.incarnations:
            publish_incarnation(drive, mine)
        begin_living(drive, mine.name)
        return mine
    parent = None if found.found else mine  # what begins a mirror of its own may not go on where another one ends
    holder = take_lease(drive, above=seen.newest_sign).holder
    one = begin(server, data, holder, parent=parent, catalogue=catalogue)
    write_life(data, one, account)
    publish_incarnation(drive, one)
    begin_living(drive, one.name)
    return one


def _require_newest(found: Situation) -> None:
    if found.refusal:
        raise found.refusal
    if found.kind in (Kind.OLDER, Kind.BEHIND):
        newest = found.newest
        by = f"{newest.host} has gone on from it (incarnation {newest.name.sequence})" if newest else "see the mirror"
        raise AnywhereError(
            "this database is not the newest state of the mirror",
            why="; ".join(found.why) if found.kind is Kind.BEHIND else by,
            run=f"{command('down')} && {command('up')}",
        )


def reopen(drive: Drive, data: Path) -> None:
    """Call before the database in ``data`` is started: its mirror no longer says that all of it is there.

    Raises DriveError.
    """
    life = read_life(data)
    if life is not None and drive.is_there():
        mark_opened(drive, Catalogue(drive), life.incarnation)


def begin(
    server: Server,
    data: Path,
    name: IncarnationName,
    *,
    catalogue: Catalogue,
    parent: Incarnation | None,
    start: int | None = None,
    base: str | None = None,
    moment: float | None = None,
) -> Incarnation:
    """The incarnation ``name`` of ``server``, whose log is held back for it from here on. Nothing is written yet.

    ``start`` is where its log begins; without it, where the log of ``parent`` that is on the drive ends.
    """
    identity = server.identity()
    held = server.slot_position() or server.make_slot()
    if start is None:
        known = [one.end for one in catalogue.wal(parent) if one.timeline == identity.timeline] if parent else []
        start = min(max(known), held) if known else held
    history = data / "pg_wal" / f"{identity.timeline:08X}.history"
    return Incarnation(
        name, parent.name if parent else None, identity.timeline, identity.system, identity.segments,
        identity.segments.floor(start), identity.postgres, time.time(), socket.gethostname(),
        history.read_text() if history.exists() else "", base, _lineage(catalogue, parent, start),
        tuple(sorted([*catalogue.incarnations, *catalogue.unreadable])), moment,
    )  # fmt: skip


def _lineage(catalogue: Catalogue, parent: Incarnation | None, start: int) -> tuple[tuple[IncarnationName, int], ...]:
    """The ancestors of what goes on from ``parent`` at ``start``, each with the end of its part of the log."""
    if parent is None:
        return ()
    before = parent.lineage
    if before is None:  # an older version did not record it
        path = catalogue.path(parent)
        before = tuple((one.parent, one.fork) for one in reversed(path) if one.parent)
    return (*before[-LONGEST_LINEAGE:], (parent.name, start))
