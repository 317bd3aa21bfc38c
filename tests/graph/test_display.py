"""A run looks right where it is watched: live on a terminal, plain lines everywhere else, every failure in full."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph.display import closing, print_error, watched
from metaflow_anywhere.graph.live import LiveDisplay
from metaflow_anywhere.graph.plain import PlainDisplay
from metaflow_anywhere.graph.stage import Outcome, State

OUTCOMES = [
    Outcome("first", State.ALREADY, "it answers", 0.01),
    Outcome("second", State.FAILED, "no space", 1.26, AnywhereError("no space", why="the disk is [full]")),
    Outcome("third", State.BLOCKED, "needs second"),
]


def plain() -> tuple[PlainDisplay, io.StringIO]:
    paper = io.StringIO()
    return PlainDisplay(["first", "second", "third"], paper), paper


def test_plain_lines_hold_state_seconds_and_detail_however_narrow_the_page_is() -> None:
    display, paper = plain()
    closing(OUTCOMES, display, next_command="invoke up", interrupted=False)
    assert paper.getvalue().splitlines() == [
        "= first   already up    0.0 s  it answers",
        "✗ second  failed        1.3 s  no space",
        "· third   not run              needs second",
    ]


def test_what_is_not_needed_is_one_line_and_what_has_to_be_read_comes_last() -> None:
    display, paper = plain()
    display.told("first", "two commits are missing")
    ends = [
        Outcome("first", State.DONE, "restored", 2),
        *(Outcome(n, State.NOT_NEEDED, "") for n in ("second", "third")),
    ]
    closing(ends, display, next_command="invoke up", interrupted=False)
    assert paper.getvalue().splitlines()[1:] == ["- not needed: second, third", "  first   two commits are missing"]


def test_each_failure_is_told_in_full_with_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    display, _ = plain()
    closing(OUTCOMES, display, next_command="invoke up", interrupted=False)
    told = capsys.readouterr().err
    assert "second: no space" in told
    assert "why: the disk is [full]" in told
    assert "run: invoke up" in told


def test_an_interruption_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    display, _ = plain()
    closing([], display, next_command="invoke up", interrupted=True)
    assert "to go on where this stopped: invoke up" in capsys.readouterr().err


def test_a_live_table_has_a_row_for_every_stage_from_the_start() -> None:
    display = LiveDisplay(["first", "second"])
    display.started("first")
    display.said("first", "half way")
    display.ended(OUTCOMES[1])
    paper = Console(file=io.StringIO(), width=100)
    paper.print(display.__rich__())
    shown = paper.file.getvalue()  # type: ignore[attr-defined]
    assert "half way" in shown
    assert "failed" in shown


@pytest.mark.parametrize("variable", ["JPY_PARENT_PID", "COLAB_RELEASE_TAG", "CI"])
def test_a_notebooks_terminal_is_not_watched(variable: str) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert watched(Terminal(), {})
    assert not watched(Terminal(), {variable: "1"})
    assert not watched(io.StringIO(), {})


def test_the_log_of_an_error_is_quoted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.log").write_text("first\nlast words\n")
    print_error(AnywhereError("it broke", log=tmp_path / "x.log"))
    told = capsys.readouterr().err
    assert f"log: {tmp_path / 'x.log'}" in told
    assert "| last words" in told
