"""How a run, its summary and a plan look in plain lines: in notebooks, pipes and CI, and after a live table."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from metaflow_anywhere.errors import AnywhereError, Overtaken
from metaflow_anywhere.graph.model import Graph
from metaflow_anywhere.graph.plain import MARKS, PlainDisplay
from metaflow_anywhere.graph.stage import Finding, Outcome, State, Verdict
from metaflow_anywhere.hints import command
from metaflow_anywhere.terminal import styled

UNWATCHED_VARIABLES = ("JPY_PARENT_PID", "COLAB_RELEASE_TAG", "CI")  # Jupyter kernels, Colab, CI
STATE_WIDTH = max(len(state.value) for state in State)


def watched(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a person watches a real terminal: notebooks give their commands one, and show its control codes raw."""
    return stream.isatty() and not any(environ.get(name) for name in UNWATCHED_VARIABLES)


@contextmanager
def display_for(names: Sequence[str]) -> Iterator[PlainDisplay]:
    """The display that fits where standard output goes."""
    if not watched(sys.stdout, os.environ):
        yield PlainDisplay(names, sys.stdout)
        return
    from metaflow_anywhere.graph.live import live_display

    with live_display(names) as display:
        yield display


def closing(outcomes: Sequence[Outcome], display: PlainDisplay, *, next_command: str, interrupted: bool) -> None:
    """The summary: each stage's state and seconds (a live table shows them already), then what has to be read."""
    left_out = [outcome.name for outcome in outcomes if outcome.state is State.NOT_NEEDED]
    if not display.live:
        for outcome in outcomes:
            if outcome.name not in left_out:
                print(_line(outcome, display.width), file=display.paper)
    if left_out:
        print(styled(f"- not needed: {', '.join(left_out)}", "dim", display.paper), file=display.paper)
    for name, text in display.remarks:
        print(f"  {name:<{display.width}}  {text}", file=display.paper)
    display.paper.flush()
    if overtaken := next((one.error for one in outcomes if isinstance(one.error, Overtaken)), None):
        print(file=sys.stderr)
        print_error(overtaken)
    for outcome in outcomes:
        if outcome.state is State.FAILED and not overtaken:
            error = outcome.error if isinstance(outcome.error, AnywhereError) else AnywhereError(outcome.detail)
            if not error.run:
                error.run = f"{next_command}   (safe to repeat; or look first: {command('doctor')})"
            print(file=sys.stderr)
            print_error(error, prefix=f"{outcome.name}: ")
    if interrupted:
        print(f"\ninterrupted; to go on where this stopped: {next_command}", file=sys.stderr)


def print_error(error: AnywhereError, *, prefix: str = "error: ") -> None:
    """What, why, which log, what to run: on standard error."""
    first, *rest = error.lines()
    print(styled(f"✗ {prefix}{first}", "bold red", sys.stderr), *rest, sep="\n", file=sys.stderr)


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
    width = max(len(name) for name in plan.graph)
    for number, wave in enumerate(plan.graph.waves(), 1):
        for name in wave:
            word, verdict = plan.word(name), plan.verdicts[name]
            style = {"run": "bold green", "stop": "bold yellow", "skip": "dim"}[word]
            why = verdict.why if verdict.finding is Finding.NEEDED else f"{verdict.finding.value}: {verdict.why}"
            print(f"{number:>2}  {name:<{width}}  {styled(f'{word:<4}', style, sys.stdout)}  {why}")
    print("nothing was done (--plan); stages with the same number run at the same time")


def _line(outcome: Outcome, width: int) -> str:
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f} s"
    mark, word = MARKS[outcome.state][0], outcome.state.value
    return f"{mark} {outcome.name:<{width}}  {word:<{STATE_WIDTH}}  {seconds:>6}  {outcome.detail}".rstrip()
