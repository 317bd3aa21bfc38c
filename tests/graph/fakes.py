"""Stages that do what a test tells them, and keep a diary of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from metaflow_anywhere.graph import Progress, Verdict, needed
from metaflow_anywhere.graph.stage import Outcome

Work = Callable[[Progress], str]


@dataclass
class FakeStage:
    """A stage whose check, work and undo are given; ``diary`` is shared by the stages of one test."""

    name: str
    diary: list[str]
    does: Work = lambda progress: "worked"
    finds: Verdict = field(default_factory=lambda: needed("it was told so"))
    begins: Callable[[], None] = lambda: None
    limit: float = 30.0
    log: Path | None = None

    def check(self) -> Verdict:
        self.diary.append(f"check {self.name}")
        return self.finds

    def foresee(self) -> None:
        """Nothing is known beforehand."""

    def begin(self) -> None:
        self.begins()

    def work(self, progress: Progress) -> str:
        self.diary.append(f"work {self.name}")
        return self.does(progress)

    def explain(self, error: Exception) -> Exception:
        return error

    def undo(self, progress: Progress) -> str:
        self.diary.append(f"undo {self.name}")
        return self.does(progress)


class FakeDisplay:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def started(self, name: str) -> None:
        self.lines.append(f"started {name}")

    def said(self, name: str, text: str) -> None:
        self.lines.append(f"{name}: {text}")

    def told(self, name: str, text: str) -> None:
        """The same for what has to be read."""
        self.said(name, text)

    def ended(self, outcome: Outcome) -> None:
        self.lines.append(f"ended {outcome.name} {outcome.state.name}")


def meeting(people: int) -> Work:
    """Work that ends only if ``people`` stages do it at the same time."""
    barrier = threading.Barrier(people)

    def meet(progress: Progress) -> str:
        barrier.wait(timeout=60)
        return "met"

    return meet
