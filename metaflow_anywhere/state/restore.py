"""Whether the database of this machine is the newest there is, and how a newer one is brought here."""

from __future__ import annotations

import enum
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.hints import command
from metaflow_anywhere.modes import PASSABLE_FOLDER, make_folder
from metaflow_anywhere.postgres import Programs
from metaflow_anywhere.state.catalogue import Catalogue, Fault, Incarnation
from metaflow_anywhere.state.claim import begin, publish_incarnation
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.dumps import newest_dump
from metaflow_anywhere.state.layout import FENCED
from metaflow_anywhere.state.lease import take_lease
from metaflow_anywhere.state.life import read_life, write_life
from metaflow_anywhere.state.lsn import format_lsn, parse_lsn
from metaflow_anywhere.state.recovery import Say, Unusable, clock, rebuild
from metaflow_anywhere.state.server import Server
from metaflow_anywhere.state.ways import Log, Way, collect, ways

ALIVE_SECONDS = 10.0  # a mirror that was written to later than that may still have its writer
SIGN_SECONDS = 1.5  # a writer that is alive looks at the lease every second, and says that it has seen ours
HANDOVER_SECONDS = 5.0  # how long it then needs to stop its database and flush


class Kind(enum.Enum):
    """How the local database stands to the mirror."""

    FRESH = "there is neither a database here nor a state to restore"
    CURRENT = "the database here is the newest"
    ABSENT = "there is no database here, and a state to restore"
    OLDER = "another machine has gone on from the database here"
    COPY = "the database files here are a copy made elsewhere, which may be torn"
    STRANGER = "the mirror does not know the database here"


@dataclass(frozen=True)
class Situation:
    """``kind``, and the newest incarnation of the mirror if there is one."""

    kind: Kind
    newest: Incarnation | None

    @property
    def wants_restore(self) -> bool:
        """Whether bringing the mirror's state here is what a user expects."""
        return self.kind in (Kind.ABSENT, Kind.OLDER, Kind.COPY)


def look(drive: Drive, data: Path) -> Situation:
    """Compare the data directory ``data`` with the mirror; quick, and changes nothing. Raises DriveError."""
    catalogue = Catalogue(drive)
    newest = catalogue.newest
    has_states = bool(catalogue.snapshots) or any(map(catalogue.base_folders, catalogue.incarnations.values()))
    if not (data / "global" / "pg_control").is_file():
        return Situation(Kind.ABSENT if has_states else Kind.FRESH, newest)
    life = read_life(data)
    if not has_states or newest is None:
        return Situation(Kind.CURRENT, newest)
    if life is None:
        return Situation(Kind.STRANGER, newest)
    if newest.name > life.incarnation.name:
        return Situation(Kind.OLDER, newest)
    return Situation(Kind.COPY if life.is_copy(data) else Kind.CURRENT, newest)


@dataclass(frozen=True)
class Wanted:
    """What to restore: the newest state, or the one ``at`` a moment (epoch, s), or the base in the folder ``base``;
    from another mirror if ``source`` is one."""

    at: float | None = None
    base: str | None = None
    source: Drive | None = None


@dataclass
class Report:
    """What was restored, from what, up to which moment, and what is missing."""

    way: Way
    log: Log
    faults: list[Fault]
    rejected: list[str]
    note: str
    aside: Path | None
    seconds: float
    at: float | None = None
    incarnation: Incarnation | None = None
    lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = describe(self.way, self.log, self.at)
        self.lines += [f"checked: {self.note}"] if self.note else []
        self.lines += [f"not used, damaged: {fault}" for fault in self.faults]
        self.lines += [f"not used: {text}" for text in self.rejected]
        self.lines += [f"the database that was here is kept in {self.aside}"] if self.aside else []

    @property
    def summary(self) -> str:
        """One line."""
        return f"{self.lines[0]} ({self.seconds:.1f} s)"


def describe(way: Way, log: Log, at: float | None = None) -> list[str]:
    """The state that ``way`` and ``log`` lead to, in sentences; the first is the summary."""
    moment = at if at is not None and at < (log.time or way.base.time) else log.time or way.base.time
    origin = f" of {log.reached.host}" if log.reached else ""
    lines = [f"state{origin} up to {clock(moment)}"]
    kind = "incremental base" if way.base.prior else "base"
    lines.append(f"from the {kind} of {clock(way.base.time)} ({way.base.folder}) and {log.ranges} ranges of log, "
                 f"to {format_lsn(log.end)} on timeline {log.timeline}")  # fmt: skip
    if log.reached is None:
        lines.append("a base alone is complete in itself")
    elif log.missing:
        lines.append("MISSING: " + "; ".join(log.missing))
    elif log.complete:
        lines.append("nothing is missing: the database had been stopped, and its last commit is here")
    elif at is None:
        lines.append("the database had not been stopped: its last second or two before that moment may be missing")
    return lines


def plan(drive: Drive, wanted: Wanted) -> list[str]:
    """What ``restore`` would do now, in sentences. Verifies all that it names; changes nothing. Raises as it does."""
    catalogue = Catalogue(wanted.source or drive)
    way = next(_ways(catalogue, wanted), None)
    if way is None:
        raise _too_early(catalogue, wanted) or refusal(catalogue)
    log = collect(catalogue, way)
    return [*describe(way, log, wanted.at), *(f"not used, damaged: {fault}" for fault in catalogue.faults)]


def restore(
    programs: Programs,
    drive: Drive,
    data: Path,
    wanted: Wanted,
    *,
    say: Say = lambda text: None,
    log_file: Path | None = None,
    handover: float = HANDOVER_SECONDS,
) -> Report:
    """Bring the state ``wanted`` to ``data`` as a new incarnation; a database that is there is moved aside.

    The server must not run. Nothing is changed before a sound base was found; the lease is then taken first, so that a
    machine that still writes stops, and what it flushes is restored as well. Raises DriveError, AnywhereError.
    """
    began = time.monotonic()
    source = wanted.source or drive
    before = Catalogue(source)
    if next(_ways(before, wanted), None) is None:
        raise _too_early(before, wanted) or refusal(before)
    drive.prepare()
    name = take_lease(drive).holder
    if wanted.source is None and wanted.base is None:
        _await_handover(drive, before.newest, handover, say)
    catalogue = Catalogue(source)
    work = data.with_name(f".{data.name}.restoring")
    half = work / "data"
    rejected: list[str] = []
    born: list[Incarnation] = []

    def adopt(conninfo: str, log: Log) -> None:
        server = Server(conninfo)
        parent = log.reached if wanted.source is None else None
        born[:] = [
            begin(
                server, half, name, catalogue=catalogue, parent=parent, start=_switch(half, server),
                base=way.base.folder if wanted.base and wanted.source is None else None,
            )
        ]  # fmt: skip
        server.close()

    for way in _ways(catalogue, wanted):
        try:
            make_workplace(work)
            done = rebuild(programs, catalogue, way, half, at=wanted.at, say=say, log_file=log_file, then=adopt)
            break
        except Unusable as why:
            rejected.append(f"{way.base.folder}: {why}")
            say(f"{way.base.folder} does not lead to a sound database: {why}")
    else:
        shutil.rmtree(work, ignore_errors=True)
        raise refusal(catalogue, rejected)
    aside = move_aside(data)
    half.rename(data)
    shutil.rmtree(work, ignore_errors=True)
    write_life(data, born[0], programs.account)
    publish_incarnation(drive, born[0])
    seconds = time.monotonic() - began
    return Report(done.way, done.log, catalogue.faults, rejected, done.note, aside, seconds, wanted.at, born[0])


def make_workplace(work: Path) -> None:
    """An empty folder ``work`` that PostgreSQL's user may pass; what a killed attempt left there is removed."""
    try:
        shutil.rmtree(work, ignore_errors=True)
        make_folder(work, PASSABLE_FOLDER)
    except OSError as error:
        raise AnywhereError(f"cannot make the database folder {work}", why=reason(error)) from error


def _ways(catalogue: Catalogue, wanted: Wanted) -> Iterator[Way]:
    if wanted.base is None:
        return ways(catalogue, wanted.at)
    base = catalogue.base(wanted.base)
    return iter([Way(base, ())] if base and catalogue.is_sound(base) else [])


def _too_early(catalogue: Catalogue, wanted: Wanted) -> AnywhereError | None:
    """What to say if the moment that is wanted lies before all that can be restored."""
    earliest = min((way.base.time for way in ways(catalogue)), default=None) if wanted.at is not None else None
    if wanted.at is None or earliest is None:
        return None
    moment = clock(math.ceil(earliest))
    return AnywhereError(
        f"the mirror does not go back to {clock(wanted.at)}",
        why=f"the earliest moment that can be restored is {moment}",
        run=f"{command('restore-snapshot', at=moment)}   (or one of: {command('snapshots')})",
    )


def _switch(data: Path, server: Server) -> int:
    """Where the timeline that the server is on parted from the one before."""
    timeline = server.identity().timeline
    lines = (data / "pg_wal" / f"{timeline:08X}.history").read_text().split("\n")
    return parse_lsn([line for line in lines if line.strip()][-1].split()[1])


def _await_handover(drive: Drive, newest: Incarnation | None, seconds: float, say: Say) -> None:
    """Give a writer that seems to be alive the time to see the lease, stop its database, and flush."""
    if newest is None:
        return
    catalogue = Catalogue(drive)
    present = catalogue.wal(newest)
    last = f"{newest.name}/wal/{max(present, key=lambda name: name.end)}" if present else None
    if last is None or drive.age(last) > ALIVE_SECONDS:
        return
    sign, deadline = time.monotonic() + min(SIGN_SECONDS, seconds), time.monotonic() + seconds
    while not drive.exists(f"{newest.name}/{FENCED}"):
        if time.monotonic() > sign:
            return
        time.sleep(0.05)
    say(f"{newest.host} is stopping its database, since we take over")
    while time.monotonic() < deadline:
        catalogue = Catalogue(drive)
        clean = catalogue.clean_end(newest)
        if clean is not None and clean >= max(name.end for name in catalogue.wal(newest)):
            return
        time.sleep(0.1)


def move_aside(data: Path) -> Path | None:
    """Rename a database directory so that another can take its place; returns its new name. Never deletes one."""
    if not data.exists():
        return None
    try:
        if not any(data.iterdir()):
            data.rmdir()
            return None
        aside = data.with_name(f"{data.name}.aside-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
        data.rename(aside)
    except OSError as error:
        raise AnywhereError(f"cannot move {data} aside", why=reason(error)) from error
    return aside


def refusal(catalogue: Catalogue, rejected: list[str] | None = None) -> AnywhereError:
    """What to say when nothing leads to a sound database: each reason, and the dump, if there is one."""
    dump = newest_dump(catalogue.drive)
    why = [str(fault) for fault in catalogue.faults] + (rejected or [])
    return AnywhereError(
        f"no sound state in the mirror {catalogue.drive.root}",
        why="\n".join(why or ["it holds no base backup"]),
        run=f"{command('import', str(catalogue.drive.root / dump.file))}   (the dump of {clock(dump.time)})"
        if dump
        else "",
    )


__all__ = ["DriveError", "Kind", "Report", "Situation", "Wanted", "look", "plan", "restore"]
