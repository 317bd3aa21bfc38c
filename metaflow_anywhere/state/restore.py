"""Whether the database of this machine is the newest there is, and how a newer one is brought here."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.hints import command
from metaflow_anywhere.modes import PASSABLE_FOLDER, make_folder
from metaflow_anywhere.postgres import Programs
from metaflow_anywhere.state.aside import aside_of, require_one_history
from metaflow_anywhere.state.catalogue import Catalogue, Fault, Incarnation
from metaflow_anywhere.state.claim import begin
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.dumps import newest_dump
from metaflow_anywhere.state.judgement import Judgement, Level, describe, judge
from metaflow_anywhere.state.layout import FENCED, IncarnationName
from metaflow_anywhere.state.lease import begin_living, take_lease
from metaflow_anywhere.state.life import read_life, write_life
from metaflow_anywhere.state.looking import look
from metaflow_anywhere.state.lsn import parse_lsn
from metaflow_anywhere.state.marks import publish_incarnation
from metaflow_anywhere.state.moments import clock
from metaflow_anywhere.state.recovery import Say, Unusable, rebuild
from metaflow_anywhere.state.server import Server
from metaflow_anywhere.state.signs import gather, has_database
from metaflow_anywhere.state.verdict import LOADING, Kind, Memory, Situation
from metaflow_anywhere.state.ways import Log, Way, collect, ways

ALIVE_SECONDS = 10.0  # a mirror that was written to later than that may still have its writer
LOOK_SECONDS = 0.2  # each asks the drive
SIGN_SECONDS = 1.5  # a writer that is alive looks at the lease every second, and says that it has seen ours
HANDOVER_SECONDS = 5.0  # how long it then needs to stop its database and flush


@dataclass(frozen=True)
class Wanted:
    """What to restore: the newest state, or the one ``at`` a moment (epoch, s), or the base in the folder ``base``;
    of the history of the incarnation ``tip``; from another mirror if ``source`` is one. ``accept_loss``: also if there
    was more. ``memory`` is what this machine knows of the root."""

    at: float | None = None
    base: str | None = None
    source: Drive | None = None
    tip: IncarnationName | None = None
    accept_loss: bool = False
    memory: Memory | None = field(default=None, compare=False)


@dataclass
class Report:
    """What was restored, from what, up to which moment, and what is missing."""

    way: Way
    log: Log
    judgement: Judgement
    faults: list[Fault]
    rejected: list[str]
    note: str
    aside: Path | None
    seconds: float
    at: float | None = None
    incarnation: Incarnation | None = None
    beside: list[str] = field(default_factory=list)
    lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = describe(self.way, self.log, self.judgement, self.at)
        self.lines += [f"checked: {self.note}"] if self.note else []
        self.lines += [f"not used, damaged: {fault}" for fault in self.faults]
        self.lines += [f"not used: {text}" for text in self.rejected]
        self.lines += self.beside
        self.lines += [f"the database that was here is kept in {self.aside}"] if self.aside else []

    @property
    def summary(self) -> str:
        """One line."""
        return f"{self.lines[0]} ({self.seconds:.1f} s)"


@dataclass(frozen=True)
class Planned:
    """What a restore would do, in sentences; ``refusal`` is what it would say instead of doing it."""

    lines: list[str]
    refusal: AnywhereError | None


def plan(drive: Drive, wanted: Wanted) -> Planned:
    """What ``restore`` would do now. Verifies all that it names; changes nothing. Raises as it does where there is
    nothing to restore."""
    catalogue = Catalogue(wanted.source or drive)
    _require_one_history(catalogue, wanted)
    way = next(_ways(catalogue, wanted), None)
    if way is None:
        raise _too_early(catalogue, wanted) or refusal(catalogue)
    log = collect(catalogue, way)
    judgement = _judge(catalogue, wanted, log)
    lines = [
        *describe(way, log, judgement, wanted.at),
        *(f"not used, damaged: {fault}" for fault in catalogue.faults),
        *(str(one) for one in aside_of(catalogue)),
    ]
    told = judgement.refusal(lines[0], [])
    return Planned(lines, None if wanted.accept_loss else told)


def _require_one_history(catalogue: Catalogue, wanted: Wanted) -> None:
    if wanted.at is not None and wanted.tip is None and wanted.base is None:
        require_one_history(catalogue, wanted.at)


def _judge(catalogue: Catalogue, wanted: Wanted, log: Log) -> Judgement:
    memory = wanted.memory if wanted.source is None else None
    return judge(gather(catalogue, memory=memory), log, tip=wanted.tip, at=wanted.at)


def _require_all(catalogue: Catalogue, wanted: Wanted, way: Way, log: Log) -> Judgement:
    """What may be said of the state at the end of ``log``. Raises AnywhereError if there was more, by any sign."""
    judgement = _judge(catalogue, wanted, log)
    said = describe(way, log, judgement, wanted.at)[0]
    told = judgement.refusal(said, [str(fault) for fault in catalogue.faults])
    if told and not wanted.accept_loss:
        raise told
    return judgement


def restore(
    programs: Programs,
    drive: Drive,
    data: Path,
    wanted: Wanted,
    *,
    say: Say = lambda text: None,
    log_file: Path | None = None,
    handover: float = HANDOVER_SECONDS,
    skip: Callable[[str], None] = lambda conninfo: None,
) -> Report:
    """Bring the state ``wanted`` to ``data`` as a new incarnation; a database that is there is moved aside.

    The server must not run. Nothing is changed before a sound base was found; the lease is then taken first, so that a
    machine that still writes stops, and what it flushes is restored as well. ``skip`` is called with a superuser's
    conninfo before any client where another history gave numbers that this one would give again. Raises DriveError,
    AnywhereError.
    """
    began = time.monotonic()
    source = wanted.source or drive
    before = Catalogue(source)
    _require_one_history(before, wanted)
    first = next(_ways(before, wanted), None)
    if first is None:
        raise _too_early(before, wanted) or refusal(before)
    _require_all(before, wanted, first, collect(before, first))
    drive.prepare()
    seen = gather(Catalogue(drive), memory=wanted.memory)
    name = take_lease(drive, above=seen.newest_sign).holder
    if wanted.source is None and wanted.base is None:
        _await_handover(drive, before.newest, handover, say)
    catalogue = Catalogue(source, known=before)
    life = read_life(data) if has_database(data) else None
    copied = life is not None and life.is_copy(data)  # what it was copied from may go on as well
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
                moment=wanted.at if wanted.at is not None and log.time and wanted.at < log.time else None,
            )
        ]  # fmt: skip
        server.close()
        whole = _judge(catalogue, wanted, log).level is Level.COMPLETE
        if not whole or copied or wanted.tip is not None or wanted.source is not None:
            skip(conninfo)

    for way in _ways(catalogue, wanted):
        try:
            make_workplace(work)
            done = rebuild(programs, catalogue, way, half, at=wanted.at, say=say, log_file=log_file, then=adopt)
            judgement = _require_all(catalogue, wanted, done.way, done.log)
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
    begin_living(drive, name)
    seconds = time.monotonic() - began
    beside = [str(one) for one in aside_of(Catalogue(drive))] if wanted.source is None else []
    return Report(
        done.way, done.log, judgement, catalogue.faults, rejected, done.note, aside, seconds, wanted.at, born[0], beside
    )


def make_workplace(work: Path) -> None:
    """An empty folder ``work`` that PostgreSQL's user may pass; what a killed attempt left there is removed."""
    try:
        shutil.rmtree(work, ignore_errors=True)
        make_folder(work, PASSABLE_FOLDER)
    except OSError as error:
        raise AnywhereError(f"cannot make the database folder {work}", why=reason(error)) from error


def _ways(catalogue: Catalogue, wanted: Wanted) -> Iterator[Way]:
    if wanted.base is None:
        return ways(catalogue, wanted.at, wanted.tip)
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
        time.sleep(LOOK_SECONDS)
    say(f"{newest.host} is stopping its database, since we take over")
    while time.monotonic() < deadline:
        catalogue = Catalogue(drive)
        clean = catalogue.clean_end(newest)
        if (
            clean is not None
            and (catalogue.opened_end(newest) or 0) < clean
            and clean >= max(name.end for name in catalogue.wal(newest))
        ):
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
    signs = [str(one) for one in gather(catalogue).signs]
    why = [str(fault) for fault in catalogue.faults] + (rejected or []) or ["it holds no base backup", *signs]
    again = f"{command('up')}   (again, once root is all there; to begin anew and empty: {command('up', new=True)})"
    file = command("import", str(catalogue.drive.root / dump.file), replace=True) if dump else ""
    return AnywhereError(
        f"no sound state in the mirror {catalogue.drive.root}",
        why="\n".join([*why, LOADING]),
        run=f"{again}   or   {file}   (the dump of {clock(dump.time)})" if dump else again,
    )


__all__ = ["DriveError", "Kind", "Report", "Situation", "Wanted", "look", "plan", "restore"]
