"""The ways in which a mirror could be brought back, best first, and how far the log carries each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from metaflow_anywhere.state.catalogue import Base, Catalogue, Fault, Incarnation
from metaflow_anywhere.state.documents import Damaged, WalRange, unpacked
from metaflow_anywhere.state.drive import DriveError
from metaflow_anywhere.state.layout import WalName
from metaflow_anywhere.state.lsn import format_lsn

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
    was found beyond the base). ``missing`` says what of it there should have been."""

    end: int
    timeline: int
    reached: Incarnation | None
    time: float | None = None
    ranges: int = 0
    bytes: int = 0
    complete: bool = False
    histories: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def ways(catalogue: Catalogue, at: float | None = None) -> Iterator[Way]:
    """Every way, best first: the newest incarnation's newest base first. The files of a base are verified as it is
    asked for, and those that are bad are among the catalogue's faults. With ``at`` (epoch, s), only bases before it.
    """
    seen = set()
    for tip in sorted(catalogue.incarnations.values(), key=lambda one: one.name, reverse=True):
        path = catalogue.path(tip)
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
                if catalogue.is_sound(base):
                    yield Way(base, onward)


def collect(catalogue: Catalogue, way: Way, write: Writer | None = None) -> Log:
    """Follow the log of ``way`` range by range, each verified, and give it to ``write``.

    A range that is bad is named and left out; most often its neighbours hold the same bytes.
    """
    base = way.base
    log = Log(base.log_end, base.timeline, way.path[0] if way.path else None)
    for index, one in enumerate(way.path):
        if index == 0 and one.base != base.folder:  # the base is its own
            log.end = _follow(catalogue, one, log.end, log, write)
            continue
        if log.end < one.start:
            log.missing.append(f"log {format_lsn(log.end)} to {format_lsn(one.start)}, before {one.name}")
            break
        end = _follow(catalogue, one, one.start, log, write)
        if end > one.start:
            if one.history:
                log.histories[f"{one.timeline:08X}.history"] = one.history
            log.end, log.timeline, log.reached = end, one.timeline, one
        elif catalogue.wal(one):
            log.missing.append(f"the beginning of the log of {one.name}")
            break
    _judge(catalogue, way, log)
    return log


def _follow(catalogue: Catalogue, one: Incarnation, start: int, log: Log, write: Writer | None) -> int:
    """Go along the ranges of ``one`` from ``start`` as far as they follow each other; returns where that ends."""
    left = [name for name in catalogue.wal(one) if name.end > start and name.timeline == one.timeline]
    position = start
    while True:
        fitting = [name for name in left if name.start <= position < name.end]
        if not fitting:
            return position
        best = max(fitting, key=lambda name: (name.end, name.level))
        left.remove(best)
        found = _read(catalogue, one, best)
        if found is None:
            continue
        described, raw = found
        if write:
            write(one, position, raw[position - best.start :])
        position = best.end
        log.ranges += 1
        log.bytes += len(raw)
        log.time = max(log.time or 0.0, described.time)


def _read(catalogue: Catalogue, one: Incarnation, name: WalName) -> tuple[WalRange, bytes] | None:
    path = f"{one.name}/wal/{name}"
    try:
        described, raw = unpacked(catalogue.drive.read(path))
    except (Damaged, DriveError) as error:
        catalogue.fault(path, str(error))
        return None
    said = (described.incarnation, described.system, described.timeline, described.start, described.end)
    if said != (str(one.name), one.system, name.timeline, name.start, name.end):
        catalogue.fault(path, "it holds another range than its name says")
        return None
    return described, raw


def _judge(catalogue: Catalogue, way: Way, log: Log) -> None:
    """Say what is missing after the end of the log, or that nothing is."""
    one = log.reached
    if one is None:
        log.complete = True
        return
    clean = catalogue.clean_end(one)
    known = [name for name in catalogue.wal(one) if name.timeline == one.timeline]
    later = min((name.start for name in known if name.start > log.end), default=None)
    wanted = later or max([*(name.end for name in known), clean or 0, log.end])
    if not log.missing and log.end < wanted:
        log.missing.append(f"log {format_lsn(log.end)} to {format_lsn(wanted)} of {one.name}")
    log.complete = not log.missing and log.end == clean


__all__ = ["Fault", "Log", "Way", "collect", "ways"]
