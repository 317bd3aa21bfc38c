"""How a run, its summary and a plan look: live on a terminal, plain lines everywhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph.model import Graph
from metaflow_anywhere.graph.stage import Finding, Outcome, State, Verdict
from metaflow_anywhere.hints import command

MARKS = {
    State.DONE: ("✓", "green"),
    State.ALREADY: ("=", "green"),
    State.NOT_NEEDED: ("-", "dim"),
    State.FAILED: ("✗", "bold red"),
    State.BLOCKED: ("·", "yellow"),
    State.INTERRUPTED: ("!", "yellow"),
}
REFRESHES_PER_SECOND = 12
UNWATCHED_VARIABLES = ("JPY_PARENT_PID", "COLAB_RELEASE_TAG", "CI")  # Jupyter kernels, Colab, CI
STATE_WIDTH = max(len(state.value) for state in State)


class PlainDisplay:
    """A line when a stage says something; for notebooks, pipes and CI."""

    live = False

    def __init__(self, names: Sequence[str], console: Console) -> None:
        self.names, self.console = list(names), console
        self.width = max((len(name) for name in names), default=0)
        self.outcomes: dict[str, Outcome] = {}

    def started(self, name: str) -> None:
        """Nothing: most stages end at once, and a line for each would be noise."""

    def said(self, name: str, text: str) -> None:
        """Show what the stage says."""
        self.console.print(f"  {name:<{self.width}}  {text}", markup=False, highlight=False, soft_wrap=True)

    def ended(self, outcome: Outcome) -> None:
        """Keep the outcome for the summary."""
        self.outcomes[outcome.name] = outcome


class LiveDisplay(PlainDisplay):
    """A table that changes in place."""

    live = True

    def __init__(self, names: Sequence[str], console: Console) -> None:
        super().__init__(names, console)
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
        table = _grid()
        for name in self.names:
            if outcome := self.outcomes.get(name):
                _row(table, outcome)
            elif name in self.began:
                seconds = f"{time.monotonic() - self.began[name]:.1f} s"
                table.add_row(self.spinner, Text(name, style="bold"), "", seconds, Text(self.saying.get(name, "")))
            else:
                table.add_row("", Text(name, style="dim"), "", "", "")
        return table


def watched(console: Console, environ: Mapping[str, str]) -> bool:
    """Whether a person watches a real terminal: notebooks give their commands one, and show its control codes raw."""
    return console.is_terminal and not any(environ.get(name) for name in UNWATCHED_VARIABLES)


@contextmanager
def display_for(names: Sequence[str]) -> Iterator[PlainDisplay]:
    """The display that fits where standard output goes."""
    console = Console(highlight=False)
    if not watched(console, os.environ):
        yield PlainDisplay(names, console)
        return
    display = LiveDisplay(names, console)
    with Live(display, console=console, refresh_per_second=REFRESHES_PER_SECOND, transient=False):
        yield display


def closing(outcomes: Sequence[Outcome], display: PlainDisplay, *, next_command: str, interrupted: bool) -> None:
    """The summary: each stage's state and seconds (a live table shows them already), then each failure in full."""
    console = display.console
    if not display.live:
        for outcome in outcomes:
            console.print(_line(outcome, display.width), markup=False, soft_wrap=True)
    errors = Console(stderr=True, highlight=False)
    for outcome in outcomes:
        if outcome.state is State.FAILED:
            error = outcome.error if isinstance(outcome.error, AnywhereError) else AnywhereError(outcome.detail)
            if not error.run:
                error.run = f"{next_command}   (safe to repeat; or look first: {command('doctor')})"
            errors.print()
            print_error(error, prefix=f"{outcome.name}: ")
    if interrupted:
        errors.print(f"\ninterrupted; to go on where this stopped: {next_command}", soft_wrap=True)


def print_error(error: AnywhereError, *, prefix: str = "error: ") -> None:
    """What, why, which log, what to run: on standard error."""
    errors = Console(stderr=True, highlight=False)
    first, *rest = error.lines()
    errors.print(f"[bold red]✗ {escape(prefix + first)}[/]", soft_wrap=True)
    for line in rest:
        errors.print(line, markup=False, soft_wrap=True)


@dataclass(frozen=True)
class Plan:
    """What a run would do: the graph in the direction of the run, and what each stage's check found."""

    graph: Graph
    verdicts: dict[str, Verdict]
    down: bool

    def word(self, name: str) -> str:
        """What would happen to the stage."""
        finding = self.verdicts[name].finding
        if self.down:
            return {Finding.SATISFIED: "stop", Finding.NEEDED: "skip", Finding.NOT_NEEDED: "skip"}[finding]
        return {Finding.SATISFIED: "skip", Finding.NEEDED: "run", Finding.NOT_NEEDED: "skip"}[finding]


def print_plan(plan: Plan) -> None:
    """One line a stage: its wave (members of one run at the same time), what would be done, and why."""
    console = Console(highlight=False)
    width = max(len(name) for name in plan.graph)
    for number, wave in enumerate(plan.graph.waves(), 1):
        for name in wave:
            word, verdict = plan.word(name), plan.verdicts[name]
            style = {"run": "bold green", "stop": "bold yellow", "skip": "dim"}[word]
            why = verdict.why if verdict.finding is Finding.NEEDED else f"{verdict.finding.value}: {verdict.why}"
            line = Text.assemble(f"{number:>2}  {name:<{width}}  ", (f"{word:<4}", style), f"  {why}")
            console.print(line, soft_wrap=True)
    console.print("nothing was done (--plan); stages with the same number run at the same time")


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    for column in ({"width": 1}, {"no_wrap": True}, {"no_wrap": True}, {"justify": "right", "no_wrap": True}, {}):
        table.add_column(**column)
    return table


def _line(outcome: Outcome, width: int) -> str:
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f} s"
    mark, word = MARKS[outcome.state][0], outcome.state.value
    return f"{mark} {outcome.name:<{width}}  {word:<{STATE_WIDTH}}  {seconds:>6}  {outcome.detail}".rstrip()


def _row(table: Table, outcome: Outcome) -> None:
    mark, style = MARKS[outcome.state]
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f} s"
    word = outcome.state.value
    table.add_row(Text(mark, style=style), Text(outcome.name), Text(word, style=style), seconds, Text(outcome.detail))
