"""A run as plain lines, and the marks that plain lines and the live table share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from metaflow_anywhere.graph.stage import Outcome, State

MARKS = {
    State.DONE: ("✓", "green"),
    State.ALREADY: ("=", "green"),
    State.NOT_NEEDED: ("-", "dim"),
    State.FAILED: ("✗", "bold red"),
    State.BLOCKED: ("·", "yellow"),
    State.INTERRUPTED: ("!", "yellow"),
}


class PlainDisplay:
    """A line when a stage says something; for notebooks, pipes and CI."""

    live = False

    def __init__(self, names: Sequence[str], paper: TextIO) -> None:
        self.names, self.paper = list(names), paper
        self.width = max((len(name) for name in names), default=0)
        self.outcomes: dict[str, Outcome] = {}
        self.remarks: list[tuple[str, str]] = []

    def started(self, name: str) -> None:
        """Nothing: most stages end at once, and a line for each would be noise."""

    def said(self, name: str, text: str) -> None:
        """Show what the stage says."""
        print(f"  {name:<{self.width}}  {text}", file=self.paper, flush=True)

    def told(self, name: str, text: str) -> None:
        """Keep what has to be read, for after the summary."""
        self.remarks.append((name, text))

    def ended(self, outcome: Outcome) -> None:
        """Keep the outcome for the summary."""
        self.outcomes[outcome.name] = outcome
