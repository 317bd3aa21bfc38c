"""A restore drill: bring a state back beside the database, look whether it is whole, and throw it away again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command
from metaflow_anywhere.later import psycopg
from metaflow_anywhere.postgres import Programs
from metaflow_anywhere.state.catalogue import Catalogue
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.judgement import Level, describe, judge
from metaflow_anywhere.state.recovery import Say, Unusable, rebuild
from metaflow_anywhere.state.restore import make_workplace, refusal
from metaflow_anywhere.state.signs import gather
from metaflow_anywhere.state.snapshots import Snapshot, base_of, count_rows, mark_verified
from metaflow_anywhere.state.ways import Log, Way, ways


@dataclass(frozen=True)
class Drilled:
    """A drill that went well: what was restored and looked at, in sentences; rows of all tables; seconds it took."""

    lines: list[str]
    rows: int
    seconds: float


def drill(
    programs: Programs, drive: Drive, work: Path, database: str, snapshot: Snapshot | None = None,
    say: Say = lambda text: None,
) -> Drilled:  # fmt: skip
    """Restore ``snapshot``, or else the newest state of the mirror, into the folder ``work``, check it, remove it.

    ``database`` is the one whose rows are counted. Raises AnywhereError saying what is wrong, DriveError.
    """
    began = time.monotonic()
    catalogue = Catalogue(drive)
    way = _way(catalogue, drive, snapshot)
    counted: dict[str, int] = {}

    def look(conninfo: str, log: Log) -> None:
        counted.update(count_rows(psycopg.conninfo.make_conninfo(conninfo, dbname=database)))

    try:
        make_workplace(work)
        done = rebuild(programs, catalogue, way, work / "data", say=say, then=look)
    except Unusable as why:
        raise AnywhereError("the restore drill failed", why=f"{way.base.folder}: {why}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if snapshot is not None:
        _compare(snapshot, counted)
        mark_verified(drive, snapshot, done.note)
    judgement = judge(gather(catalogue), done.log)
    if judgement.level is Level.LOSS and snapshot is None:
        raise AnywhereError(
            "the newest state can be restored in part only",
            why="\n".join(judgement.missing),
            run=command("restore-snapshot", dry_run=True),
        )
    lines = [
        *describe(way, done.log, judgement),
        f"checked: {done.note}; {sum(counted.values()):,} rows in {len(counted)} tables",
    ]
    return Drilled(lines, sum(counted.values()), time.monotonic() - began)


def _way(catalogue: Catalogue, drive: Drive, snapshot: Snapshot | None) -> Way:
    if snapshot is None:
        way = next(ways(catalogue), None)
        if way is None:
            raise refusal(catalogue)
        return way
    base = base_of(drive, snapshot)
    if base is None or not catalogue.is_sound(base):
        why = [str(fault) for fault in catalogue.faults if fault.name.startswith(snapshot.folder)] + snapshot.damage
        raise AnywhereError(
            f"the snapshot '{snapshot.name}' is damaged",
            why="\n".join(dict.fromkeys(why)),
            run=command("snapshot-delete", snapshot.name),
        )
    return Way(base, ())


def _compare(snapshot: Snapshot, counted: Mapping[str, int]) -> None:
    """Every table must have a number of rows that it had at some time while the snapshot was taken."""
    wrong = []
    for table, after in snapshot.after.items():
        before = snapshot.before.get(table, 0)
        found = counted.get(table, 0)
        if not min(before, after) <= found <= max(before, after):
            wrong.append(f"{table} has {found} rows, and had {before} to {after}")
    if wrong:
        raise AnywhereError(f"the snapshot '{snapshot.name}' does not hold what was saved", why="\n".join(wrong))
