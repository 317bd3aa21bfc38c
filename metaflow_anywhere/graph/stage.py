"""What a stage is: it can tell whether it is already satisfied, do its work, and undo it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from metaflow_anywhere.graph.progress import Progress


class Finding(enum.Enum):
    """What a stage's check found."""

    SATISFIED = "already up"
    NEEDED = "needed"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True)
class Verdict:
    """What a stage's check found, and why (shown to the user)."""

    finding: Finding
    why: str


def satisfied(why: str) -> Verdict:
    """The stage's promise holds now; nothing is to be done."""
    return Verdict(Finding.SATISFIED, why)


def needed(why: str) -> Verdict:
    """The stage has work to do."""
    return Verdict(Finding.NEEDED, why)


def not_needed(why: str) -> Verdict:
    """The stage has no meaning in this setting."""
    return Verdict(Finding.NOT_NEEDED, why)


class Stage(Protocol):
    """One stage of one stack. ``limit`` is the seconds after which it counts as failed; ``log`` is shown then."""

    limit: float

    @property
    def log(self) -> Path | None:
        """The file that tells what went wrong, if there is one."""

    def check(self) -> Verdict:
        """Look, cheaply and without changing anything."""

    def begin(self) -> None:
        """Begin what takes long and needs no other stage, at the start of a run; `work` comes later and finishes it.

        May do nothing, and may fail: whatever fails here is told when the stage's turn comes.
        """

    def foresee(self) -> None:
        """Raise AnywhereError where it is plain, before any stage works, that the work of this one cannot succeed."""

    def work(self, progress: Progress) -> str:
        """Make the promise true; returns the sentence that says what is there now. Safe to call again."""

    def explain(self, error: Exception) -> Exception:
        """What to tell of an ``error`` that ended the work: something better, if the stage knows, or the same."""

    def undo(self, progress: Progress) -> str | None:
        """Take the effect back as far as ``down`` means to; returns what was done, if anything. Safe to call again."""


class State(enum.Enum):
    """What became of a stage in a run. The value is the word that the user reads."""

    ALREADY = "already up"
    NOT_NEEDED = "not needed"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "not run"
    INTERRUPTED = "interrupted"

    @property
    def good(self) -> bool:
        """Whether what stands on this stage may go on."""
        return self in (State.ALREADY, State.NOT_NEEDED, State.DONE)


@dataclass(frozen=True)
class Outcome:
    """What became of one stage; ``seconds`` is None if it never began."""

    name: str
    state: State
    detail: str
    seconds: float | None = None
    error: BaseException | None = None
