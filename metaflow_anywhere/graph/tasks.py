"""Stages and goals as Invoke tasks, so that ``--list``, ``--help`` and single runs are what Invoke users expect."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, cast

from invoke import Call, Context, Task

from metaflow_anywhere.graph.model import Graph, GraphError
from metaflow_anywhere.graph.progress import Progress
from metaflow_anywhere.graph.runner import bring_up
from metaflow_anywhere.graph.stage import Stage


class SharedTask(Task):  # type: ignore[type-arg]
    """A task that is the same object in every collection. Invoke copies each one at each start, with all the stages
    that it stands on; nobody changes a task, and the copies cost more than most verbs."""

    def __deepcopy__(self, memo: dict[int, Any]) -> SharedTask:
        return self


class StageTask(SharedTask):
    """A task whose body returns the Stage that it stands for; its ``pre`` tasks are the stages it needs."""

    def stage(self, context: Context, **options: Any) -> Stage:
        """The stage, bound to the settings in ``context`` and ``options``."""
        found: Stage = self.body(context, **options)
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Without our executor (called as a function, or under Invoke's own) the stage still does its work."""
        return bring_up(super().__call__(*args, **kwargs), Progress(print))


class Goal(SharedTask):
    """A task that asks for stages: for all its ``pre`` to be up, or, with ``undoes``, for those to be down.

    Its body runs when that is reached. The options ``plan`` and ``serial`` of a goal are the executor's.
    """

    def __init__(self, body: Callable[..., Any], *args: Any, undoes: Sequence[StageTask] = (), **kwargs: Any) -> None:
        super().__init__(body, *args, **kwargs)
        self.undoes = list(undoes)


def stage(*, needs: Sequence[StageTask] = (), **options: Any) -> Callable[[Callable[..., Stage]], StageTask]:
    """Decorator: a function that returns a Stage becomes a task that needs ``needs`` (Invoke's ``pre``)."""

    def decorate(body: Callable[..., Stage]) -> StageTask:
        return StageTask(body, name=_dashed(body), pre=list(needs), **options)  # type: ignore[arg-type]

    return decorate


def goal(
    *, needs: Sequence[StageTask] = (), undoes: Sequence[StageTask] = (), **options: Any
) -> Callable[[Callable[..., Any]], Goal]:
    """Decorator: a function becomes a task that runs once all of ``needs`` are up, or all of ``undoes`` are down."""

    def decorate(body: Callable[..., Any]) -> Goal:
        return Goal(body, name=_dashed(body), pre=list(needs), undoes=undoes, **options)

    return decorate


def stages_of(task: Task) -> dict[str, StageTask]:  # type: ignore[type-arg]
    """All stages that ``task`` stands on, itself included if it is one, each after those written before it."""
    found: dict[str, StageTask] = {}

    def visit(one: Task | Call, path: tuple[str, ...]) -> None:  # type: ignore[type-arg]
        it = one.task if isinstance(one, Call) else one
        if it.name in path:
            raise GraphError("the stages need each other in a circle", why=" -> ".join([*path, it.name]))
        if it.name in found:
            return
        for before in needs_of(it):
            visit(before, (*path, it.name))
        if isinstance(it, StageTask):
            found.setdefault(it.name, it)

    visit(task, ())
    for one in getattr(task, "undoes", ()):
        visit(one, ())
    return found


def needs_of(task: Task) -> list[Task | Call]:  # type: ignore[type-arg]
    """What ``task`` names as ``pre`` (Invoke annotates it as strings; tasks and calls are what it holds)."""
    return cast("list[Task[Any] | Call]", task.pre)


def graph_of(stages: dict[str, StageTask]) -> Graph:
    """The graph that the ``pre`` edges of ``stages`` make."""
    return Graph({name: [_name(before) for before in needs_of(task)] for name, task in stages.items()})


def accepted(task: Task, options: dict[str, Any]) -> dict[str, Any]:  # type: ignore[type-arg]
    """Those of ``options`` that ``task`` takes: an option given to a goal reaches every stage below it."""
    names = list(inspect.signature(task.body).parameters)[1:]
    return {name: value for name, value in options.items() if name in names}


def _name(one: Task | Call) -> str:  # type: ignore[type-arg]
    return str(one.task.name if isinstance(one, Call) else one.name)


def _dashed(body: Callable[..., Any]) -> str:
    return body.__name__.replace("_", "-")
