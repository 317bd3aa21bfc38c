"""How a run looks on a terminal that somebody watches: a table that changes in place."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from metaflow_anywhere.graph.plain import MARKS, PlainDisplay
from metaflow_anywhere.graph.stage import Outcome, State

REFRESHES_PER_SECOND = 12


class LiveDisplay(PlainDisplay):
    """A table that changes in place."""

    live = True

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names, sys.stdout)
        self.saying: dict[str, str] = {}
        self.began: dict[str, float] = {}
        self.spinner = Spinner("dots", style="cyan")

    def started(self, name: str) -> None:
        """Show the stage as running."""
        self.began[name] = time.monotonic()

    def said(self, name: str, text: str) -> None:
        """Show the newest thing said beside the stage."""
        self.saying[name] = text

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for column in ({"width": 1}, {"no_wrap": True}, {"no_wrap": True}, {"justify": "right", "no_wrap": True}, {}):
            table.add_column(**column)
        for name in self.names:
            outcome = self.outcomes.get(name)
            if outcome and outcome.state is not State.NOT_NEEDED:  # those are named below the table
                _row(table, outcome)
            elif name in self.began and not outcome:
                seconds = f"{time.monotonic() - self.began[name]:.1f} s"
                table.add_row(self.spinner, Text(name, style="bold"), "", seconds, Text(self.saying.get(name, "")))
            elif not outcome:
                table.add_row("", Text(name, style="dim"), "", "", "")
        return table


@contextmanager
def live_display(names: Sequence[str]) -> Iterator[LiveDisplay]:
    """The table on standard output, as long as the block lasts and in its last state afterwards."""
    display = LiveDisplay(names)
    console = Console(highlight=False)
    with Live(display, console=console, refresh_per_second=REFRESHES_PER_SECOND, transient=False):
        yield display


def _row(table: Table, outcome: Outcome) -> None:
    mark, style = MARKS[outcome.state]
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f} s"
    word = outcome.state.value
    table.add_row(Text(mark, style=style), Text(outcome.name), Text(word, style=style), seconds, Text(outcome.detail))
