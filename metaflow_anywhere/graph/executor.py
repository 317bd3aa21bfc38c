"""Gives the graph its meaning under Invoke: order, parallelism, skipping, plans, summaries and exit statuses.

Set as ``tasks.executor_class``. Tasks that are neither stages nor goals run as Invoke runs them. What is displayed is
imported when there is something to display: ``--list`` is not kept waiting for it.
"""

from __future__ import annotations

from typing import Any

from invoke import Call, Context, Executor, Exit, Task

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph.face import reader_gone
from metaflow_anywhere.graph.runner import Run, bring_up, take_down
from metaflow_anywhere.graph.stage import Stage, State
from metaflow_anywhere.graph.tasks import Goal, StageTask, accepted, graph_of, stages_of
from metaflow_anywhere.hints import again

INTERRUPTED_STATUS = 130  # 128 + SIGINT, as shells have it


class GraphExecutor(Executor):
    """Runs stages and goals through the graph; everything else as Invoke does."""

    def execute(self, *tasks: Any) -> dict[Task, Any]:  # type: ignore[type-arg]
        """Execute what was asked for, in the order given; raises Exit with a status that is not 0 on any failure."""
        results: dict[Any, Any] = {}
        try:
            self.refuse_hosts()
            for call in self.in_turn(self.normalize(tasks)):
                results[call.task] = self.execute_call(call)
        except AnywhereError as error:
            from metaflow_anywhere.graph.display import print_error

            print_error(error)
            raise Exit(code=1) from None
        except KeyboardInterrupt:
            raise Exit(code=INTERRUPTED_STATUS) from None
        except BrokenPipeError:  # whoever read our output has gone, as `head` does
            raise reader_gone() from None
        return results

    def in_turn(self, asked: list[Call]) -> list[Call]:
        """What was asked for, and around each task of somebody else's what it names as ``pre`` and ``post``; of those
        each once, as Invoke does it."""
        found: list[Call] = []
        for call in self.expand_calls(asked):
            own = isinstance(call.task, (Goal, StageTask))
            if (own and call in asked) or not self.config.tasks.dedupe or call not in found:
                found.append(call)
        return found

    def expand_calls(self, calls: list[Any]) -> list[Call]:
        """As Invoke's; but the ``pre`` of a goal or stage are the graph's, not tasks to be run before it."""
        found = []
        for one in calls:
            call = one if isinstance(one, Call) else Call(one)
            if isinstance(call.task, (Goal, StageTask)):
                found.append(call)
            else:
                found += super().expand_calls([call])
        return found

    def execute_call(self, call: Call) -> Any:
        """Bring up (or take down) the stages that ``call`` stands on, then run its own body if it is no stage."""
        stages = stages_of(call.task) if isinstance(call.task, (Goal, StageTask)) else {}
        if stages:
            if call.kwargs.get("plan"):
                self.show_plan(call, stages)
                return None
            self.run_stages(call, stages)
        if isinstance(call.task, StageTask):
            return None
        return call.task(self.context_for(call), *call.args, **call.kwargs)

    def context_for(self, call: Call) -> Context:
        """A context as Invoke makes it, and with what a body may want to know of the whole command line.

        ``remainder``: the words after ``--``; ``asked_for``: the task; ``found_before``: room for what holds for all
        stages of a run.
        """
        self.config.load_collection(self.collection.configuration(call.called_as))
        self.config.load_shell_env()
        context = Context(config=self.config)  # Call.make_context takes other arguments from Invoke 3 on
        context._set(remainder=getattr(self.core, "remainder", "") or "", asked_for=call.task)
        context._set(found_before=self.__dict__.setdefault("found_before", {}))
        return context

    def bind(self, call: Call, stages: dict[str, StageTask]) -> dict[str, Stage]:
        """Each stage with the options of ``call`` that it takes."""
        context = self.context_for(call)
        return {name: task.stage(context, **accepted(task, call.kwargs)) for name, task in stages.items()}

    def run_stages(self, call: Call, tasks: dict[str, StageTask]) -> None:
        """Run the graph below ``call``; raises Exit if anything that was asked for is not so at its end."""
        from metaflow_anywhere.graph.display import closing, display_for

        down = isinstance(call.task, Goal) and bool(call.task.undoes)
        graph, stages = graph_of(tasks), self.bind(call, tasks)
        graph, act = (graph.reversed(), take_down) if down else (graph, bring_up)
        for stage in () if down else stages.values():
            stage.foresee()
        with display_for(list(graph)) as display:
            run = Run(graph, stages, act, display, parallel=not call.kwargs.get("serial"))
            outcomes = run()
        closing(outcomes, display, next_command=again(), interrupted=run.interrupted)
        if run.interrupted:
            raise Exit(code=INTERRUPTED_STATUS)
        if any(outcome.state is State.FAILED for outcome in outcomes):
            raise Exit(code=1)

    def show_plan(self, call: Call, tasks: dict[str, StageTask]) -> None:
        """Print what a run would do and why; changes nothing."""
        from metaflow_anywhere.graph.display import Plan, print_plan

        down = isinstance(call.task, Goal) and bool(call.task.undoes)
        graph, stages = graph_of(tasks), self.bind(call, tasks)
        plan = Plan(graph.reversed() if down else graph, {name: one.check() for name, one in stages.items()}, down)
        print_plan(plan)

    def refuse_hosts(self) -> None:
        """Stock Fabric would run stages on this machine even when given hosts; say so rather than do that."""
        if not self.core or not hasattr(self.core[0].args, "hosts") or not self.core[0].args.hosts.value:
            return
        raise AnywhereError(
            "hosts cannot be given yet",
            why="bringing a stack up on another host is not built; nothing was run, here or there",
            run=f"log in to {self.core[0].args.hosts.value} and bring it up there",
        )
