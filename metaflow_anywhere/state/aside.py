"""What a mirror holds beside the newest incarnation and what that comes from: histories that others went on with.

Nothing of it is ever deleted by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command
from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.commits import has_commits
from metaflow_anywhere.state.layout import IncarnationName
from metaflow_anywhere.state.lsn import format_lsn
from metaflow_anywhere.state.moments import clock
from metaflow_anywhere.state.signs import mirrored_end, shipped_end
from metaflow_anywhere.state.verdict import fork_of
from metaflow_anywhere.state.ways import read_range


@dataclass(frozen=True)
class Aside:
    """The history of ``incarnation`` from ``start`` to ``end`` of its log is not part of the newest state."""

    incarnation: Incarnation
    start: int
    end: int

    @property
    def label(self) -> str:
        """By which it can be asked for."""
        return f"{self.incarnation.name.sequence}-{self.incarnation.name.owner}"

    def __str__(self) -> str:
        return (
            f"beside the newest state: incarnation {self.label} of {self.incarnation.host}, begun "
            f"{clock(self.incarnation.began)}, its log from {format_lsn(self.start)} to {format_lsn(self.end)}; "
            f"to have it: {command('restore-snapshot', incarnation=self.label, replace=True)}"
        )


def aside_of(catalogue: Catalogue, tip: Incarnation | None = None) -> list[Aside]:
    """All of it, oldest first. Raises DriveError."""
    tip = tip or catalogue.newest
    if tip is None:
        return []
    path = {one.name for one in catalogue.path(tip)}
    found = []
    for one in sorted(catalogue.incarnations.values(), key=lambda one: one.name):
        end = mirrored_end(catalogue, one)  # a base may be ahead of the log that was carried here
        if one.name == tip.name:
            continue
        fork = fork_of(tip, one.name, catalogue.incarnations) if one.name in path else None
        start = one.start if fork is None else fork
        ahead = end > max(start, shipped_end(catalogue, one))
        if end > start and (fork is None or ahead or has_commits(catalogue, one, start)):
            found.append(Aside(one, start, end))
    return found


def require_one_history(catalogue: Catalogue, at: float) -> None:
    """Raise AnywhereError if another history than that of the newest state was written at the moment ``at`` (epoch, s):
    a moment is of one of them, and only the user knows of which."""
    others = [one for one in aside_of(catalogue) if _was_written_at(catalogue, one, at)]
    newest = catalogue.newest
    if newest is None or not others:
        return
    labels = [f"{newest.name.sequence}-{newest.name.owner}", *(one.label for one in others)]
    raise AnywhereError(
        f"at {clock(at)} there was more than one history of the database",
        why="\n".join([f"incarnation {labels[0]} of {newest.host} is the newest", *map(str, others)]),
        run="   or   ".join(
            command("restore-snapshot", at=clock(at), incarnation=label, replace=True) for label in labels
        ),
    )


def _was_written_at(catalogue: Catalogue, aside: Aside, at: float) -> bool:
    one = aside.incarnation
    names = [name for name in catalogue.wal(one) if name.timeline == one.timeline and name.end > aside.start]
    ranges = [pair[0] for name in names if (pair := read_range(catalogue, one, name))]
    # what is in a range was committed up to its ``lag`` before it was written, which on a busy machine is seconds
    first = min((found.time - (found.lag or 0.0) for found in ranges), default=math.inf)
    return first <= at <= max((found.time for found in ranges), default=-math.inf)


def find_incarnation(names: Iterable[IncarnationName], text: str) -> IncarnationName:
    """The incarnation that a user means by ``7`` or ``7-0badcafe``. Raises AnywhereError."""
    known = sorted(names)
    sequence, _, owner = text.removeprefix("inc-").partition("-")
    fitting = [
        one for one in known if sequence.isdigit() and one.sequence == int(sequence) and one.owner.startswith(owner)
    ]
    if len(fitting) == 1:
        return fitting[0]
    labels = ", ".join(f"{one.sequence}-{one.owner}" for one in fitting or known) or "none"
    what = f"{len(fitting)} incarnations are called '{text}'" if fitting else f"no incarnation '{text}'"
    raise AnywhereError(what, why=f"there are: {labels}", run=command("snapshots"))


__all__ = ["Aside", "aside_of", "find_incarnation", "require_one_history"]
