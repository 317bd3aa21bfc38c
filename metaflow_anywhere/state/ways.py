"""The ways in which a mirror could be brought back, best first, and how far the log carries each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from metaflow_anywhere.state.catalogue import Base, Catalogue, Fault, Incarnation
from metaflow_anywhere.state.documents import Damaged, WalRange, unpacked
from metaflow_anywhere.state.drive import DriveError
from metaflow_anywhere.state.layout import IncarnationName, WalName
from metaflow_anywhere.state.lsn import format_lsn

LAG_SECONDS = 60.0
Writer = Callable[[Incarnation, int, bytes], None]  # is given the incarnation, the position, and what is there


@dataclass(frozen=True)
class Way:
    """Restore ``base``, then replay the log of ``path``: from the incarnation that holds the base to the newest.

    An empty path is a base alone, such as a snapshot.
    """

    base: Base
    path: tuple[Incarnation, ...]


@dataclass
class Log:
    """How far the log of a way goes: ``end`` of timeline ``timeline``, written at ``time`` (epoch, s; None if nothing
    was found beyond the base). ``missing`` says what of it there should have been. ``clean`` is where its database was
    stopped, if it was; ``opened`` where it was started again after a stop. ``lag`` is how long (s) the newest of it had
    to wait at most for being carried to the drive, in its last minute; None where that was not measured."""

    end: int
    timeline: int
    reached: Incarnation | None
    time: float | None = None
    ranges: int = 0
    bytes: int = 0
    complete: bool = False
    clean: int | None = None
    opened: int | None = None
    lag: float | None = None
    histories: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def ways(catalogue: Catalogue, at: float | None = None, tip: IncarnationName | None = None) -> Iterator[Way]:
    """Every way, best first: the newest incarnation's newest base first. The files of a base are verified as it is
    asked for, and those that are bad are among the catalogue's faults. With ``at`` (epoch, s), only bases before it;
    with ``tip``, only those that lead to that incarnation.
    """
    seen = set()
    tips = [one for one in catalogue.incarnations.values() if tip in (None, one.name)]
    for tip_ in sorted(tips, key=lambda one: one.name, reverse=True):
        path = catalogue.path(tip_)
        for index, one in enumerate(path):
            onward = tuple(reversed(path[: index + 1]))
            folders = [*catalogue.base_folders(one), *([one.base] if one.base else [])]
            for folder in folders:
                if folder in seen:
                    continue
                seen.add(folder)
                base = catalogue.base(folder)
                if base is None or (at is not None and base.time > at):
                    continue
                if folder != one.base and not catalogue.suits(base, path, index):
                    seen.discard(folder)  # it may well be of another history
                    continue
                if catalogue.is_sound(base):
                    yield Way(base, onward)


def collect(catalogue: Catalogue, way: Way, write: Writer | None = None) -> Log:
    """Follow the log of ``way`` range by range, each verified, and give it to ``write``.

    A range that is bad is named and left out; most often its neighbours hold the same bytes. Where an incarnation went
    on in the timeline of its parent, the parent's log ends there: what it may hold beyond is of another history.
    """
    base = way.base
    log = Log(base.log_end, base.timeline, way.path[0] if way.path else None)
    covered = log.end  # by the history that leads to the end of the path
    for index, one in enumerate(way.path):
        after = way.path[index + 1] if index + 1 < len(way.path) else None
        limit = after.start if after and after.timeline == one.timeline else None
        if index == 0 and one.base != base.folder:  # the base is its own
            log.end = covered = _follow(catalogue, one, log.end, log, write, limit)
            continue
        if covered < one.start:
            log.missing.append(f"log {format_lsn(covered)} to {format_lsn(one.start)}, before {one.name}")
            break
        end = _follow(catalogue, one, one.start, log, write, limit)
        if end > one.start:
            if one.history:
                log.histories[f"{one.timeline:08X}.history"] = one.history
            log.end, log.timeline, log.reached = end, one.timeline, one
            covered = end
        elif catalogue.all_wal(one) and (limit is None or limit > one.start):
            log.missing.append(f"the beginning of the log of {one.name}")
            break
        else:  # what its parent wrote beyond is not of its history
            covered = min(covered, one.fork)
    _judge(catalogue, way, log)
    return log


def _follow(
    catalogue: Catalogue, one: Incarnation, start: int, log: Log, write: Writer | None, limit: int | None = None
) -> int:
    """Go along the ranges of ``one`` from ``start`` as far as they follow each other; returns where that ends.

    A range that repeats what was before it in other words is of another history, and is left out.
    """
    left = [name for name in catalogue.all_wal(one) if name.end > start and name.timeline == one.timeline]
    position, tail, times = start, b"", _Times()
    while True:
        fitting = [name for name in left if name.start <= position < name.end]
        if not fitting or (limit is not None and position >= limit):
            log.lag = times.lag if times.lag is not None else log.lag
            return position
        best = max(fitting, key=lambda name: (name.end, name.level))
        left.remove(best)
        found = read_range(catalogue, one, best)
        if found is None:
            continue
        described, raw = found
        repeated = raw[: position - best.start]
        if not _agree(tail, repeated):
            catalogue.fault(f"{one.name}/wal/{best}", "it does not continue the log before it")
            continue
        fresh = raw[position - best.start :]
        if write:
            write(one, position, fresh if limit is None else fresh[: limit - position])
        position, tail = best.end, raw
        log.ranges += 1
        log.bytes += len(raw)
        log.time = max(log.time or 0.0, described.time)
        times.add(described)


def _agree(before: bytes, repeated: bytes) -> bool:
    """Whether the end of ``before`` is what ``repeated`` ends with, as far as both go."""
    count = min(len(before), len(repeated))
    return count == 0 or before[-count:] == repeated[-count:]


class _Times:
    """How long the ranges of the last minute had to wait."""

    def __init__(self) -> None:
        self._lags: list[tuple[float, float]] = []

    def add(self, described: WalRange) -> None:
        self._lags = [one for one in self._lags if one[0] > described.time - LAG_SECONDS]
        if described.lag is not None:
            self._lags.append((described.time, described.lag))

    @property
    def lag(self) -> float | None:
        """None if none of them says."""
        return max((lag for _, lag in self._lags), default=None)


def read_range(catalogue: Catalogue, one: Incarnation, name: WalName) -> tuple[WalRange, bytes] | None:
    """A range of log, from whichever file holds it whole; None, and a fault that is told, if none does."""
    path = f"{one.name}/wal/{name}"
    expected = (str(one.name), one.system, name.timeline, name.start, name.end)
    what = "it is missing"
    for version in catalogue.listing.versions(path):
        try:
            data = catalogue.contents.get(version) or catalogue.drive.read(version)
            described, raw = unpacked(data)
        except (Damaged, DriveError) as error:
            what = str(error)
            continue
        said = (described.incarnation, described.system, described.timeline, described.start, described.end)
        if said == expected:
            catalogue.keep(version, data)
            return described, raw
        what = "it holds another range than its name says"
    catalogue.fault(path, what)
    return None


def _judge(catalogue: Catalogue, way: Way, log: Log) -> None:
    """Note what should be there after the end of the log."""
    one = log.reached
    if one is None:
        log.complete = True
        return
    log.clean, log.opened = catalogue.clean_end(one), catalogue.opened_end(one)
    known = [name for name in catalogue.wal(one) if name.timeline == one.timeline]
    later = min((name.start for name in known if name.start > log.end), default=None)
    wanted = later or max([*(name.end for name in known), log.clean or 0, log.end])
    if not log.missing and log.end < wanted:
        log.missing.append(f"log {format_lsn(log.end)} to {format_lsn(wanted)} of {one.name}")
    log.complete = not log.missing and log.end == log.clean and (log.opened or 0) < log.end


__all__ = ["Fault", "Log", "Way", "collect", "ways"]
