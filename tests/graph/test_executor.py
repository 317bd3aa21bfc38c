"""The executor gives Invoke's tasks the meaning of a graph: options reach stages, statuses are honest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from invoke import Collection, Config, Context, Exit, task

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import Progress, satisfied
from metaflow_anywhere.graph.executor import GraphExecutor
from metaflow_anywhere.graph.tasks import Goal, StageTask, goal, needs_of, stage
from tests.graph.fakes import FakeStage


class World:
    """Two stages and the goals above them, all writing to one diary."""

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.works: Callable[[Progress], str] = lambda progress: "fine"
        self.up_already = False
        world = self

        @stage()
        def first_one(c: Context, root: str = "-") -> FakeStage:
            """The first."""
            world.diary.append(f"first-one has root {root}")
            return FakeStage("first-one", world.diary)

        @stage(needs=[first_one])
        def second(c: Context, root: str = "-", speed: str = "-") -> FakeStage:
            """The second."""
            return FakeStage("second", world.diary, world.works, **world.found())

        @goal(needs=[first_one, second])
        def up(c: Context, root: str = "-", plan: bool = False, serial: bool = False) -> None:
            world.diary.append("up")

        @goal(undoes=[first_one, second])
        def down(c: Context) -> None:
            world.diary.append("down")

        @task
        def plain(c: Context) -> str:
            raise AnywhereError("plainly wrong", why="it was told so", run="something else")

        @task
        def before(c: Context) -> None:
            world.diary.append("before")

        @task(pre=[before, up], post=[down])
        def train(c: Context) -> None:
            world.diary.append("train")

        self.tasks: list[StageTask | Goal | Any] = [first_one, second, up, down, plain, before, train]

    def found(self) -> dict[str, Any]:
        return {"finds": satisfied("there")} if self.up_already else {}

    def execute(self, name: str, **options: Any) -> None:
        GraphExecutor(Collection(*self.tasks), Config()).execute((name, options))

    def worked(self) -> list[str]:
        return [line for line in self.diary if not line.startswith(("check", "first-one has"))]


@pytest.fixture
def world() -> World:
    return World()


def test_a_goal_runs_its_stages_then_itself(world: World) -> None:
    world.execute("up")
    assert world.worked() == ["work first-one", "work second", "up"]


def test_a_single_stage_brings_up_just_what_it_needs(world: World) -> None:
    world.execute("first-one")
    assert world.worked() == ["work first-one"]


def test_an_option_of_a_goal_reaches_every_stage_that_has_it(world: World) -> None:
    world.execute("up", root="/somewhere")
    assert "first-one has root /somewhere" in world.diary


def test_a_plan_does_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.execute("up", plan=True)
    assert world.worked() == []
    assert "nothing was done" in capsys.readouterr().out


def test_a_satisfied_stage_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.up_already = True
    world.execute("second")
    assert "already up" in capsys.readouterr().out
    assert "work second" not in world.diary


def test_down_undoes_in_reverse_then_runs_itself(world: World) -> None:
    world.execute("down")
    assert world.worked() == ["undo second", "undo first-one", "down"]


UP = ["work first-one", "work second", "up"]
DOWN = ["undo second", "undo first-one", "down"]


def test_a_task_of_somebody_else_has_what_it_names_run_around_it(world: World) -> None:
    world.execute("train")
    assert world.worked() == ["before", *UP, "train", *DOWN]


def test_what_was_asked_for_twice_runs_twice_if_it_is_a_goal_and_once_if_it_is_somebody_else_s(world: World) -> None:
    GraphExecutor(Collection(*world.tasks), Config()).execute("before", "up", "down", "up", "before")
    assert world.worked() == ["before", *UP, *DOWN, *UP]


def test_a_failure_is_told_in_full_and_ends_with_status_1(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(progress: Progress) -> str:
        raise AnywhereError("no space", why="the disk is full", run="make room")

    world.works = fail
    with pytest.raises(Exit) as caught:
        world.execute("up")
    assert caught.value.code == 1
    printed = capsys.readouterr()
    assert "second: no space" in printed.err
    assert "the disk is full" in printed.err
    assert "make room" in printed.err
    assert "up" not in world.diary


def test_an_error_of_a_plain_task_has_no_traceback(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as caught:
        world.execute("plain")
    assert caught.value.code == 1
    assert "plainly wrong" in capsys.readouterr().err


def test_ctrl_c_ends_with_status_130(world: World) -> None:
    def interrupted(progress: Progress) -> str:
        import _thread

        _thread.interrupt_main()
        progress.pause(20)
        return "not reached"

    world.works = interrupted
    with pytest.raises(Exit) as caught:
        world.execute("up")
    assert caught.value.code == 130


def test_a_circle_among_tasks_is_refused(world: World) -> None:
    first, second = world.tasks[:2]
    needs_of(first).append(second)
    with pytest.raises(Exit):
        world.execute("up")


def test_called_as_a_function_a_stage_still_does_its_work(world: World) -> None:
    world.tasks[0](Context())
    assert "work first-one" in world.diary
