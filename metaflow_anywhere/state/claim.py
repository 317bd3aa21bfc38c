"""How a running database becomes the newest incarnation of a mirror, so that ``sync`` may write for it."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command
from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.documents import sealed
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import INCARNATIONS, IncarnationName
from metaflow_anywhere.state.lease import read_lease, take_lease
from metaflow_anywhere.state.life import read_life, write_life
from metaflow_anywhere.state.server import Server


def holds(drive: Drive, data: Path) -> bool:
    """Whether the database in ``data`` is the one that may write to ``drive``. Raises DriveError."""
    life, lease = read_life(data), read_lease(drive)
    return life is not None and lease is not None and lease.holder == life.incarnation.name


def claim(drive: Drive, server: Server, data: Path, account: Account | None) -> Incarnation:
    """The incarnation that the database in ``data``, served by ``server``, lives from now on; nothing is done if it
    holds the lease already. Raises DriveError, ServerGone, and AnywhereError if another machine went on from here.
    """
    drive.prepare()
    life, lease, catalogue = read_life(data), read_lease(drive), Catalogue(drive)
    mine = life.incarnation if life else None
    newest = catalogue.newest
    if mine and newest and newest.name > mine.name:
        raise AnywhereError(
            "this database is not the newest state of the mirror",
            why=f"{newest.host} has gone on from it (incarnation {newest.name.sequence})",
            run=f"{command('down')} && {command('up')}",
        )
    if mine and lease and lease.holder == mine.name:
        if mine.name not in catalogue.incarnations:
            publish_incarnation(drive, mine)
        return mine
    one = begin(server, data, take_lease(drive).holder, parent=mine, catalogue=catalogue)
    write_life(data, one, account)
    publish_incarnation(drive, one)
    return one


def begin(
    server: Server,
    data: Path,
    name: IncarnationName,
    *,
    catalogue: Catalogue,
    parent: Incarnation | None,
    start: int | None = None,
    base: str | None = None,
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
        history.read_text() if history.exists() else "", base,
    )  # fmt: skip


def publish_incarnation(drive: Drive, one: Incarnation) -> None:
    """Put the documents of ``one`` on the drive. Raises DriveError."""
    for name in INCARNATIONS:
        drive.put(f"{one.name}/{name}", sealed(one.document()))
