"""What follows from the signs of a mirror, a database and this machine's memory: data in, verdict out, no I/O.

A database is new and empty only where there is no sign of any other. What is there and cannot be read is a sign too.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command
from metaflow_anywhere.state.catalogue import Incarnation
from metaflow_anywhere.state.layout import IncarnationName
from metaflow_anywhere.state.lsn import format_lsn
from metaflow_anywhere.state.moments import clock

LOADING = "a drive that was mounted a moment ago may still be loading: wait a few minutes, look again"


class Kind(enum.Enum):
    """How the local database stands to the mirror."""

    FRESH = "there is neither a database here nor a state to restore"
    CURRENT = "the database here is the newest"
    ABSENT = "there is no database here, and a state to restore"
    OLDER = "another machine has gone on from the database here"
    COPY = "the database files here are a copy made elsewhere, which may be torn"
    BEHIND = "the database here is older than its own mirror"
    STRANGER = "the mirror does not know the database here"
    UNSEEN = "there are signs of an earlier state, and nothing of it that can be restored"
    UNMOUNTED = "root does not have the mirror that the database here belongs to"
    DIVERGED = "two databases have gone on from one state"


@dataclass(frozen=True)
class Sign:
    """Something that tells of an incarnation, or of a state without one. ``lived`` unless it is certain that no
    database ever ran as that incarnation; ``position`` is how far its log is known to have gone (0: not known)."""

    where: str
    what: str
    incarnation: IncarnationName | None = None
    lived: bool = True
    position: int = 0

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Local:
    """The database here: the incarnation that its mark names (None: it has none), whether its files are a copy made
    elsewhere, where its log ends (None: not known), and how many commits it has that the newest incarnation, which
    went on from it, does not have (None: not known)."""

    incarnation: Incarnation | None
    is_copy: bool = False
    end: int | None = None
    own_commits: int | None = None


@dataclass(frozen=True)
class Memory:
    """What this machine last knew of this root: an incarnation, and how far its log was carried there at ``time``."""

    incarnation: IncarnationName
    position: int
    time: float


@dataclass(frozen=True)
class Choice:
    """What the user decided: to begin with a new, empty mirror; which of two databases to go on with."""

    new: bool = False
    keep: Literal["", "local", "mirror"] = ""


@dataclass(frozen=True)
class Seen:
    """All evidence. ``known`` are the incarnations whose documents are whole; ``ends`` is how far the log of each
    reaches that was looked at, by the names of its files; ``states`` whether there is anything to restore from."""

    signs: tuple[Sign, ...] = ()
    known: Mapping[IncarnationName, Incarnation] = field(default_factory=dict)
    ends: Mapping[IncarnationName, int] = field(default_factory=dict)
    states: bool = False
    local: Local | None = None
    memory: Memory | None = None

    @property
    def newest_sign(self) -> IncarnationName | None:
        """The newest incarnation that anything in root names, or that this machine remembers."""
        names = [one.incarnation for one in self.signs if one.incarnation and one.lived]
        names += [self.memory.incarnation] if self.memory else []
        return max(names, default=None)

    @property
    def newest(self) -> Incarnation | None:
        """The newest incarnation whose documents are whole."""
        return self.known[max(self.known)] if self.known else None


@dataclass(frozen=True)
class Situation:
    """``kind``, the newest incarnation of the mirror if there is one, and what there is to say about it."""

    kind: Kind
    newest: Incarnation | None
    why: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()  # incarnations, of which one is to be chosen
    found: bool = False  # the database here is to begin a mirror of its own

    @property
    def wants_restore(self) -> bool:
        """Whether bringing the mirror's state here is what a user expects."""
        return self.kind in (Kind.ABSENT, Kind.OLDER, Kind.COPY, Kind.BEHIND)

    @property
    def refusal(self) -> AnywhereError | None:
        """What to say where going on would be a decision that is the user's."""
        if self.kind not in _REFUSALS:
            return None
        return AnywhereError(self.kind.value, why="\n".join(self.why), run=_ways_out(self))


_REFUSALS = (Kind.UNSEEN, Kind.UNMOUNTED, Kind.DIVERGED, Kind.STRANGER)


def _ways_out(found: Situation) -> str:
    kind = found.kind
    if found.choices:  # there is no database here: which of the mirror's
        return "   or   ".join(command("restore-snapshot", incarnation=label) for label in found.choices)
    up, anew = command("up"), command("up", new=True)
    if kind is Kind.UNSEEN:
        return f"{up}   (again, once root is all there; to begin anew and empty: {anew})"
    if kind is Kind.UNMOUNTED:
        return f"{up}   (again, once root is all there; to begin a new mirror in it: {anew})"
    return f"{command('up', keep='local')}   or   {command('up', keep='mirror')}   (the other one is kept aside)"


def stand(seen: Seen, choice: Choice | None = None) -> Situation:
    """How the database here stands to the mirror; with ``choice``, what the user decided about it."""
    choice = choice or Choice()
    found = _without_choice(seen)
    kind = found.kind
    if seen.local is None:
        if choice.new and kind in (Kind.UNSEEN, Kind.ABSENT, Kind.DIVERGED):
            return Situation(Kind.FRESH, found.newest, found.why, found=True)
        if choice.keep == "mirror" and kind is Kind.DIVERGED:
            return Situation(Kind.ABSENT, found.newest, found.why)
        return found
    local = choice.keep == "local" or (choice.new and kind in (Kind.UNMOUNTED, Kind.STRANGER))
    if local and kind in (Kind.DIVERGED, Kind.STRANGER, Kind.UNMOUNTED, Kind.BEHIND, Kind.OLDER, Kind.COPY):
        return Situation(Kind.CURRENT, found.newest, found.why, found=True)
    if choice.keep == "mirror" and kind in (Kind.DIVERGED, Kind.STRANGER, Kind.UNMOUNTED) and seen.states:
        return Situation(Kind.OLDER, found.newest, found.why)
    return found


def _without_choice(seen: Seen) -> Situation:
    if seen.local is None:
        return _nothing_here(seen, seen.newest)
    return _with_database(seen, seen.local, seen.newest)


def _with_database(seen: Seen, local: Local, newest: Incarnation | None) -> Situation:
    mine = local.incarnation
    lived = [one for one in seen.signs if one.lived]
    if mine is None:
        if not lived and seen.memory is None:
            return Situation(Kind.CURRENT, newest, found=True)
        return Situation(Kind.STRANGER, newest, _told(seen))
    named = {one.incarnation for one in seen.signs if one.incarnation}
    above = max((one.incarnation for one in lived if one.incarnation and one.incarnation != mine.name), default=None)
    if above is not None and above > mine.name:
        return _beside_a_newer(seen, mine, above)
    end, shipped, memory = local.end, seen.ends.get(mine.name, 0), seen.memory
    remembered = memory.position if memory and memory.incarnation == mine.name else 0
    set_back = end is not None and max(end, shipped) < remembered
    if mine.name not in named or set_back or (memory and memory.incarnation > mine.name):
        return Situation(Kind.UNMOUNTED, newest, (_here(local, mine), *_told(seen), LOADING))
    if end is not None and end < shipped:
        why = f"it ends at {format_lsn(end)}, and the mirror has its log up to {format_lsn(shipped)}"
        return Situation(Kind.BEHIND, newest, (why,))
    return Situation(Kind.COPY if local.is_copy and seen.states else Kind.CURRENT, newest)


def _nothing_here(seen: Seen, newest: Incarnation | None) -> Situation:
    if not seen.signs and seen.memory is None:  # a lease that nobody lived under may be an old one that came back
        return Situation(Kind.FRESH, newest)
    if not seen.states:
        return Situation(Kind.UNSEEN, newest, (*_told(seen), LOADING))
    others = strangers(seen)
    if newest and others:
        both = (newest, *others)
        labels = tuple(f"{one.name.sequence}-{one.name.owner}" for one in both)
        return Situation(Kind.DIVERGED, newest, tuple(branch(one, seen.ends) for one in both), labels)
    return Situation(Kind.ABSENT, newest)


def _beside_a_newer(seen: Seen, mine: Incarnation, above: IncarnationName) -> Situation:
    local, newer, newest = seen.local, seen.known.get(above), seen.newest
    assert local
    both = (_here(local, mine), f"in the mirror: {branch(newer, seen.ends)}" if newer else "")
    if newer is None:  # what it is cannot be read: bringing it here will say so
        return Situation(Kind.OLDER, newest, _told(seen))
    descends = descends_from(newer, mine.name, seen.known)
    if descends is False or strangers(seen):
        return Situation(Kind.DIVERGED, newest, both)
    is_kept = local.end is not None and seen.ends.get(mine.name, 0) >= local.end
    if local.own_commits and not is_kept:
        count = f"{local.own_commits:,} commits here are in neither of the two"
        return Situation(Kind.DIVERGED, newest, (*both, count))
    return Situation(Kind.OLDER, newest)


def descends_from(
    one: Incarnation, ancestor: IncarnationName, known: Mapping[IncarnationName, Incarnation]
) -> bool | None:
    """Whether ``one`` has come from ``ancestor``; None if that is not known."""
    at: Incarnation | None = one
    while at is not None:
        if ancestor in (at.name, at.parent):
            return True
        if at.lineage is not None:
            return ancestor in {name for name, _ in at.lineage}
        if at.parent is None:
            return False
        at = known.get(at.parent)
    return None


def fork_of(one: Incarnation, ancestor: IncarnationName, known: Mapping[IncarnationName, Incarnation]) -> int | None:
    """Up to where the log of ``ancestor`` is part of what ``one`` is; None if that is not known."""
    at: Incarnation | None = one
    while at is not None:
        if at.parent == ancestor:
            return at.fork
        for name, end in at.lineage or ():
            if name == ancestor:
                return end
        at = known.get(at.parent) if at.parent else None
    return None


def strangers(seen: Seen) -> list[Incarnation]:
    """Incarnations with log of their own that the newest one neither comes from nor knew of when it began."""
    newest = seen.newest
    if newest is None:
        return []
    knew: set[IncarnationName] = set()
    at: Incarnation | None = newest
    while at is not None:
        knew.add(at.name)
        knew |= {name for name, _ in at.lineage or ()} | set(at.seen or ())
        if at.seen is None:  # an older version: it looked at all that was there
            knew |= {name for name in seen.known if name.sequence < at.name.sequence}
        at = seen.known.get(at.parent) if at.parent else None
    beside = [one for name, one in seen.known.items() if name not in knew]
    equal = newest.name.sequence  # of one with that number, nobody can have known: also if nothing of it is here yet
    worth = [one for one in beside if one.name.sequence == equal or seen.ends.get(one.name, 0) > one.start]
    return sorted(worth, key=lambda one: one.name)


def branch(one: Incarnation, ends: Mapping[IncarnationName, int]) -> str:
    """An incarnation in a few words."""
    end = f", log up to {format_lsn(ends[one.name])}" if ends.get(one.name) else ""
    return f"incarnation {one.name.sequence}-{one.name.owner} of {one.host}, begun {clock(one.began)}{end}"


def _here(local: Local, mine: Incarnation) -> str:
    end = f", log up to {format_lsn(local.end)}" if local.end else ""
    return f"here: incarnation {mine.name.sequence}-{mine.name.owner} of {mine.host}, begun {clock(mine.began)}{end}"


def _told(seen: Seen) -> tuple[str, ...]:
    lines = [str(one) for one in seen.signs]
    if seen.memory:
        name = seen.memory.incarnation
        lines.append(f"this machine mirrored incarnation {name.sequence}-{name.owner} to this root, "
                     f"and knew of it last at about {clock(seen.memory.time)}")  # fmt: skip
    return tuple(lines) or ("root has nothing of a mirror",)
