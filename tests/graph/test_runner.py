"""A run keeps the order, uses what is independent, and survives stages that fail, hang or are interrupted."""

from __future__ import annotations

import _thread
import os
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from metaflow_anywhere.errors import AnywhereError, Explained
from metaflow_anywhere.graph import Graph, NotYet, Progress, not_needed, satisfied, wait_until
from metaflow_anywhere.graph.runner import Run, bring_up, take_down
from metaflow_anywhere.graph.stage import State
from tests.graph.fakes import FakeDisplay, FakeStage, meeting

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


@pytest.fixture
def diary() -> list[str]:
    return []


def stages_for(graph: dict[str, list[str]], diary: list[str], **special: FakeStage) -> dict[str, FakeStage]:
    return {name: special.get(name) or FakeStage(name, diary) for name in graph}


def run(graph: dict[str, list[str]], stages: dict[str, FakeStage], **options: object) -> Run:
    this = Run(Graph(graph), dict(stages), options.pop("act", bring_up), FakeDisplay(), **options)  # type: ignore[arg-type]
    this()
    return this


def states(this: Run) -> dict[str, State]:
    return {name: outcome.state for name, outcome in this.outcomes.items()}


def test_nothing_begins_before_what_it_needs(diary: list[str]) -> None:
    run(DIAMOND, stages_for(DIAMOND, diary))
    worked = [line.split()[1] for line in diary if line.startswith("work")]
    assert worked[0] == "a"
    assert worked[-1] == "d"


def test_a_stage_may_begin_before_what_it_needs_is_done(diary: list[str]) -> None:
    begun = threading.Event()
    first = FakeStage("a", diary, lambda progress: str(begun.wait(60)))
    stages = stages_for(DIAMOND, diary, a=first, d=FakeStage("d", diary, begins=begun.set))
    assert run(DIAMOND, stages).outcomes["a"].detail == "True"


def test_what_cannot_begin_early_fails_nothing(diary: list[str]) -> None:
    tried = threading.Event()

    def begin() -> None:
        tried.set()
        raise RuntimeError

    first = FakeStage("a", diary, lambda progress: str(tried.wait(60)), begins=begin)
    assert set(states(run(DIAMOND, stages_for(DIAMOND, diary, a=first))).values()) == {State.DONE}


def test_nothing_begins_early_on_the_way_down_or_in_a_serial_run(diary: list[str]) -> None:
    begun = threading.Event()
    stages = stages_for(DIAMOND, diary, d=FakeStage("d", diary, begins=begun.set))
    run(DIAMOND, stages, act=take_down)
    run(DIAMOND, stages, parallel=False)
    assert not begun.is_set()


def test_independent_stages_run_at_the_same_time(diary: list[str]) -> None:
    meet = meeting(2)
    stages = stages_for(DIAMOND, diary, b=FakeStage("b", diary, meet), c=FakeStage("c", diary, meet))
    assert states(run(DIAMOND, stages))["d"] is State.DONE


def test_a_serial_run_goes_in_written_order(diary: list[str]) -> None:
    run({"a": [], "z": [], "b": ["a"]}, stages_for({"a": [], "z": [], "b": []}, diary), parallel=False)
    assert [line for line in diary if line.startswith("work")] == ["work a", "work z", "work b"]


def test_what_is_satisfied_or_has_no_meaning_is_not_done_and_does_not_block(diary: list[str]) -> None:
    stages = stages_for(
        DIAMOND,
        diary,
        b=FakeStage("b", diary, finds=satisfied("up")),
        c=FakeStage("c", diary, finds=not_needed("elsewhere")),
    )
    found = states(run(DIAMOND, stages))
    assert found == {"a": State.DONE, "b": State.ALREADY, "c": State.NOT_NEEDED, "d": State.DONE}
    assert "work b" not in diary
    assert "work c" not in diary


def test_one_failure_stops_only_what_depends_on_it(diary: list[str]) -> None:
    def fail(progress: Progress) -> NoReturn:
        raise AnywhereError("b broke", why="it was told so")

    graph = {**DIAMOND, "e": ["c"]}
    found = run(graph, stages_for(graph, diary, b=FakeStage("b", diary, fail)))
    assert states(found) == {
        "a": State.DONE, "b": State.FAILED, "c": State.DONE, "d": State.BLOCKED, "e": State.DONE,
    }  # fmt: skip
    assert found.outcomes["d"].detail == "needs b"


def test_an_exception_nobody_foresaw_is_one_line_with_its_place(diary: list[str]) -> None:
    def surprise(progress: Progress) -> NoReturn:
        raise ZeroDivisionError("one by none")

    error = run({"a": []}, {"a": FakeStage("a", diary, surprise)}).outcomes["a"].error
    assert isinstance(error, AnywhereError)
    assert "unexpected ZeroDivisionError: one by none" in str(error)
    assert "test_runner.py" in error.why


def test_a_failing_check_fails_the_stage(diary: list[str]) -> None:
    stage = FakeStage("a", diary)
    stage.check = lambda: (_ for _ in ()).throw(AnywhereError("cannot even look"))  # type: ignore[method-assign]
    assert run({"a": []}, {"a": stage}).outcomes["a"].detail == "cannot even look"


def test_a_stage_that_hangs_past_its_limit_is_named_with_its_log(diary: list[str], tmp_path: Path) -> None:
    log = tmp_path / "slow.log"
    log.write_text("still loading\n")
    never = threading.Event()
    slow = FakeStage("slow", diary, lambda progress: str(never.wait()), limit=0.05, log=log)
    found = run({"slow": [], "after": ["slow"]}, {"slow": slow, "after": FakeStage("after", diary)})
    never.set()
    assert states(found) == {"slow": State.FAILED, "after": State.BLOCKED}
    error = found.outcomes["slow"].error
    assert isinstance(error, AnywhereError)
    assert error.lines()[0] == "slow is not ready after its time limit of 0.05 s"
    assert any("still loading" in line for line in error.lines())


def test_waiting_for_what_never_becomes_ready_tells_the_last_reason_and_the_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("cannot open the door\n")

    def question() -> NoReturn:
        raise NotYet("nobody listens")

    with pytest.raises(AnywhereError) as caught:
        wait_until(question, what="the door", seconds=0.03, progress=Progress(), log=log)
    assert caught.value.lines()[0] == "the door did not get ready within 0.03 s"
    assert "nobody listens" in caught.value.why
    assert any("cannot open the door" in line for line in caught.value.lines())


def test_a_failure_without_a_log_is_shown_with_its_stages_log(diary: list[str], tmp_path: Path) -> None:
    log = tmp_path / "a.log"

    def fail(progress: Progress) -> NoReturn:
        log.write_text("why it broke")
        raise AnywhereError("broke")

    error = run({"a": []}, {"a": FakeStage("a", diary, fail, log=log)}).outcomes["a"].error
    assert isinstance(error, AnywhereError)
    assert error.log == log


def test_a_log_that_explains_nothing_is_not_shown(diary: list[str], tmp_path: Path) -> None:
    log = tmp_path / "a.log"

    def fail(progress: Progress) -> str:
        log.write_text("shutting down, as was asked for")
        raise Explained("the drive is gone", run="invoke down")

    error = run({"a": []}, {"a": FakeStage("a", diary, fail, log=log)}).outcomes["a"].error
    assert isinstance(error, Explained)
    assert error.log is None


def test_the_log_of_an_earlier_start_explains_nothing(diary: list[str], tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("of yesterday")
    os.utime(log, (0, 0))

    def fail(progress: Progress) -> NoReturn:
        raise AnywhereError("no room")

    error = run({"a": []}, {"a": FakeStage("a", diary, fail, log=log)}).outcomes["a"].error
    assert isinstance(error, AnywhereError)
    assert error.log is None


def test_ctrl_c_stops_what_runs_and_accounts_for_every_stage(diary: list[str]) -> None:
    def interrupted(progress: Progress) -> str:
        _thread.interrupt_main()
        progress.pause(20)
        return "not reached"

    found = run({"a": [], "b": ["a"]}, {"a": FakeStage("a", diary, interrupted), "b": FakeStage("b", diary)})
    assert found.interrupted
    assert states(found) == {"a": State.INTERRUPTED, "b": State.BLOCKED}
    assert "work b" not in diary


def test_what_a_stage_says_is_shown(diary: list[str]) -> None:
    def speak(progress: Progress) -> str:
        progress.say("half way")
        return "there"

    found = run({"a": []}, {"a": FakeStage("a", diary, speak)})
    assert "a: half way" in found.display.lines  # type: ignore[attr-defined]


def test_taking_down_undoes_in_reverse(diary: list[str]) -> None:
    this = Run(Graph(DIAMOND).reversed(), dict(stages_for(DIAMOND, diary)), take_down, FakeDisplay())
    this()
    assert diary[0] == "undo d"
    assert diary[-1] == "undo a"
