"""Snapshots: named states of the database that are kept until somebody deletes them, each complete in itself."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command
from metaflow_anywhere.later import psycopg, sql
from metaflow_anywhere.postgres import Programs
from metaflow_anywhere.postgres.sessions import guarded
from metaflow_anywhere.state.bases import publish_base, take_base
from metaflow_anywhere.state.catalogue import Base, Catalogue
from metaflow_anywhere.state.documents import Damaged, sealed, unsealed
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.layout import SNAPSHOT, snapshot_folder, snapshot_name_is_good, snapshot_parts
from metaflow_anywhere.state.server import Server

VERIFIED = "VERIFIED-"
EVERY_TABLE = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2
"""
Rows = Mapping[str, int]  # schema.table -> how many


@dataclass(frozen=True)
class Snapshot:
    """One snapshot. ``before`` and ``after`` are the rows of each table when the backup began and when it had ended:
    what is in it lies between. ``time`` is epoch seconds; ``damage`` says what is wrong with its files, if anything is.
    """

    folder: str
    name: str
    time: float
    bytes: int
    host: str
    before: Rows
    after: Rows
    verified: float | None = None
    damage: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(self.after.values())


def count_rows(conninfo: str) -> dict[str, int]:
    """How many rows each table of the database in ``conninfo`` has, at one moment. Raises AnywhereError."""
    try:
        with psycopg.connect(guarded(conninfo)) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            found = {}
            for schema, table in connection.execute(EVERY_TABLE).fetchall():
                count = sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(sql.Identifier(schema, table))
                row = connection.execute(count).fetchone()
                found[f"{schema}.{table}"] = int(row[0]) if row else 0
            return found
    except psycopg.Error as error:
        raise AnywhereError("the database cannot be read", why=str(error).strip().splitlines()[0]) from error


def take_snapshot(
    programs: Programs, drive: Drive, conninfo: str, counted: str, stage: Path, name: str | None = None
) -> Snapshot:
    """A snapshot of the server at ``conninfo`` (a superuser's), now. ``counted`` leads to the database whose rows are
    counted; ``stage`` is a new local folder for what is on its way, nobody else's. Raises AnywhereError, DriveError,
    ServerGone.
    """
    utc = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    taken = {one.name for one in snapshots(drive)}
    if not name:  # of several in one second each has its own
        name = next(
            one for number in itertools.count(1) if (one := f"{utc}-{number}" if number > 1 else utc) not in taken
        )
    if not snapshot_name_is_good(name):
        raise AnywhereError(
            f"'{name}' cannot be a snapshot's name", why="letters, digits, dot, dash and underscore; at most 64 of them"
        )
    if name in taken:
        raise AnywhereError(f"there is a snapshot '{name}' already", run=command("snapshots"))
    server = Server(conninfo)
    identity = server.identity()
    server.close()
    before = count_rows(counted)
    staged = take_base(programs, conninfo, identity, stage)
    after = count_rows(counted)
    folder = snapshot_folder(utc, name)
    base = publish_base(drive, stage, staged, "", folder)
    done = Snapshot(folder, name, base.time, base.bytes, socket.gethostname(), before, after)
    document = {key: value for key, value in asdict(done).items() if key not in ("verified", "damage")}
    drive.put(f"{folder}/{SNAPSHOT}", sealed(document))
    return done


def snapshots(drive: Drive, *, thorough: bool = False) -> list[Snapshot]:
    """Every snapshot that was finished, oldest first. ``thorough`` reads all of their files. Raises DriveError."""
    found = []
    for folder in drive.names():
        parts = snapshot_parts(folder)
        if parts is None or not drive.exists(f"{folder}/{SNAPSHOT}"):
            continue
        try:
            document = unsealed(drive.read(f"{folder}/{SNAPSHOT}"))
            one = Snapshot(**document)
        except (Damaged, TypeError) as error:
            found.append(Snapshot(folder, parts[1], 0.0, 0, "", {}, {}, damage=[f"{folder}/{SNAPSHOT}: {error}"]))
            continue
        found.append(_looked_at(drive, one, thorough=thorough))
    return found


def find_snapshot(drive: Drive, name: str) -> Snapshot:
    """The snapshot ``name``. Raises AnywhereError naming those that there are."""
    known = snapshots(drive)
    for one in known:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in known) or "none yet"
    raise AnywhereError(f"no snapshot '{name}'", why=f"there are: {names}", run=command("snapshots"))


def delete_snapshot(drive: Drive, name: str) -> Snapshot:
    """Delete the snapshot ``name``. Raises AnywhereError if a database that was restored from it still needs it."""
    one = find_snapshot(drive, name)
    catalogue = Catalogue(drive)
    for incarnation in catalogue.incarnations.values():
        own = [catalogue.base(folder) for folder in catalogue.base_folders(incarnation)]
        if incarnation.base == one.folder and not any(own):
            raise AnywhereError(
                f"the snapshot '{name}' is still needed",
                why=f"incarnation {incarnation.name.sequence} was restored from it and has no base of its own yet",
                run=command("up"),
            )
    drive.delete(f"{one.folder}/{SNAPSHOT}")  # first, so that a half deleted one is not taken for a whole one
    drive.delete(one.folder)
    return one


def mark_verified(drive: Drive, one: Snapshot, what: str) -> None:
    """Remember that a restore of ``one`` was tried and was good. Raises DriveError."""
    utc = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    drive.put(f"{one.folder}/{VERIFIED}{utc}.json", sealed({"time": time.time(), "what": what}))


def base_of(drive: Drive, one: Snapshot) -> Base | None:
    """The base of ``one``, if its manifest is whole."""
    return Catalogue(drive).base(one.folder)


def _looked_at(drive: Drive, one: Snapshot, *, thorough: bool) -> Snapshot:
    catalogue = Catalogue(drive)
    base = catalogue.base(one.folder)
    if base is not None:
        if thorough:
            catalogue.is_sound(base)
        else:
            for name, expected in base.files.items():
                path = f"{one.folder}/{name}"
                if not drive.exists(path) or drive.size(path) != expected["bytes"]:
                    catalogue.fault(path, "it is missing or has another size")
    damage = [str(fault) for fault in catalogue.faults if fault.name.startswith(f"{one.folder}/")]
    marks = []
    for entry in drive.names(one.folder):
        if entry.startswith(VERIFIED):
            try:
                marks.append(unsealed(drive.read(f"{one.folder}/{entry}"))["time"])
            except (Damaged, DriveError, KeyError):
                continue
    return Snapshot(**{**vars(one), "verified": max(marks, default=None), "damage": damage})
