"""What may be said of a state that is restored: whether all is there, and if not, what is known. No I/O.

The only place that says that nothing is missing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command
from metaflow_anywhere.state.layout import LEASE, IncarnationName
from metaflow_anywhere.state.lsn import format_lsn
from metaflow_anywhere.state.moments import clock
from metaflow_anywhere.state.verdict import LOADING, Seen
from metaflow_anywhere.state.ways import Log, Way


class Level(enum.Enum):
    """COMPLETE: the newest there ever was, as it was stopped. TAIL: a machine was killed, and its last moments may be
    missing. LOSS: there was more, by some sign. CHOSEN: what the user asked for, which need not be the newest."""

    COMPLETE = "complete"
    TAIL = "tail"
    LOSS = "loss"
    CHOSEN = "chosen"


@dataclass(frozen=True)
class Judgement:
    """``level``, the sentences for people, and what is known to be missing."""

    level: Level
    lines: list[str]
    missing: list[str] = field(default_factory=list)

    def refusal(self, first: str, faults: list[str]) -> AnywhereError | None:
        """What to say instead of going on with less than there was; ``first`` is what there is, ``faults`` are the
        files that would make it more."""
        if self.level is not Level.LOSS:
            return None
        up, less = command("up"), command("up", accept_loss=True)
        return AnywhereError(
            "what can be restored now is not all there was",
            why="\n".join([first, *(f"MISSING: {one}" for one in self.missing), *faults, LOADING]),
            run=f"{up}   (again, once that is there; to go on without it: {less})",
        )


def judge(seen: Seen, log: Log, *, tip: IncarnationName | None = None, at: float | None = None) -> Judgement:
    """What may be said of the state at the end of ``log``, given all signs; ``tip`` is the incarnation that was asked
    for, instead of the newest; ``at`` the moment (epoch, s)."""
    if log.reached is None:
        return Judgement(Level.CHOSEN, ["a base alone is complete in itself"])
    reached = log.reached.name
    if at is not None and log.time is not None and at <= log.time:
        name = f"incarnation {reached.sequence}-{reached.owner}"
        return Judgement(Level.CHOSEN, [f"the state of a moment, in the history of {name} of {log.reached.host}"])
    missing = [*log.missing, *([] if tip else _later_signs(seen, log, reached))]
    if log.opened is not None and log.opened >= log.end:
        missing.append(f"what the database of {log.reached.host} wrote after it was started again ({reached}/wal)")
    if missing:
        return Judgement(Level.LOSS, [f"MISSING: {'; '.join(missing)}"], missing)
    newest = tip or seen.newest_sign
    if log.complete and newest == reached:
        return Judgement(
            Level.COMPLETE, ["nothing is missing: the database had been stopped, and its last commit is here"]
        )
    return Judgement(Level.TAIL, [_tail(log.lag)])


def _later_signs(seen: Seen, log: Log, reached: IncarnationName) -> list[str]:
    """Each sign of something newer than what was reached."""
    found = [
        f"what is newer than incarnation {reached.sequence} ({one})"
        for one in seen.signs
        if one.lived and one.incarnation is not None and one.incarnation > reached
    ]
    if not any(one.where == LEASE and one.incarnation for one in seen.signs):
        found.append(f"{LEASE}, which names the newest incarnation, and is written before anything else of it")
    memory = seen.memory
    if memory and (memory.incarnation > reached or (memory.incarnation == reached and memory.position > log.end)):
        name, place = memory.incarnation, f"{format_lsn(memory.position)} at about {clock(memory.time)}"
        found.append(f"what this machine carried here as incarnation {name.sequence}-{name.owner}, up to {place}")
    return found


def _tail(lag: float | None) -> str:
    last = "its last commits" if lag is None else f"commits of its last {max(lag, 0.1):.1f} s"
    how = "how far the mirror was behind was not recorded" if lag is None else "so far was the mirror behind at most"
    return (f"the database had not been stopped: {last} before that moment may be missing ({how}), "
            "and what it committed later, while it could not reach root")  # fmt: skip


def describe(way: Way, log: Log, judgement: Judgement, at: float | None = None) -> list[str]:
    """The state that ``way`` and ``log`` lead to, in sentences; the first is the summary."""
    moment = at if at is not None and at < (log.time or way.base.time) else log.time or way.base.time
    origin = f" of {log.reached.host}" if log.reached else ""
    kind = "incremental base" if way.base.prior else "base"
    return [
        f"state{origin} up to {clock(moment)}",
        f"from the {kind} of {clock(way.base.time)} ({way.base.folder}) and {log.ranges} ranges of log, "
        f"to {format_lsn(log.end)} on timeline {log.timeline}",
        *judgement.lines,
    ]
