"""Runs the stages of a graph, independent ones at the same time; one failure stops only what depends on it.

One queue of events (started, said, ended) is read by the calling thread, which alone decides and displays.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from metaflow_anywhere.errors import AnywhereError, Explained
from metaflow_anywhere.graph.model import Graph
from metaflow_anywhere.graph.progress import Progress, Stopped
from metaflow_anywhere.graph.stage import Finding, Outcome, Stage, State

CLOCK_GRAIN_SECONDS = 0.05  # of times of files, which lag behind the clock a little
STOP_GRACE_SECONDS = 5.0  # after Ctrl-C: long enough for a polite end, short enough not to annoy

Act = Callable[[Stage, Progress], tuple[State, str]]


class Display(Protocol):
    """What shows a run to the user; called from one thread only."""

    def started(self, name: str) -> None: ...
    def said(self, name: str, text: str) -> None: ...
    def told(self, name: str, text: str) -> None: ...
    def ended(self, outcome: Outcome) -> None: ...


def bring_up(stage: Stage, progress: Progress) -> tuple[State, str]:
    """Do a stage's work unless its check finds that there is none."""
    verdict = stage.check()
    if verdict.finding is Finding.SATISFIED:
        return State.ALREADY, verdict.why
    if verdict.finding is Finding.NOT_NEEDED:
        return State.NOT_NEEDED, verdict.why
    try:
        return State.DONE, stage.work(progress)
    except Exception as error:
        raise stage.explain(error) from error


def take_down(stage: Stage, progress: Progress) -> tuple[State, str]:
    """Undo a stage, if there is anything to undo."""
    done = stage.undo(progress)
    return (State.NOT_NEEDED, "nothing to undo") if done is None else (State.DONE, done)


@dataclass
class Run:
    """One run through ``graph``: ``outcomes`` fills up as stages end; ``interrupted`` says if the user stopped it."""

    graph: Graph
    stages: dict[str, Stage]
    act: Act
    display: Display
    parallel: bool = True
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    interrupted: bool = False

    def __post_init__(self) -> None:
        self._events: queue.SimpleQueue[tuple[str, str, object]] = queue.SimpleQueue()
        self._running: dict[str, tuple[float, float]] = {}  # name -> (began, deadline)
        self._stop = threading.Event()

    def __call__(self) -> list[Outcome]:
        """Run everything that can be run; returns one outcome a stage, in written order."""
        sorter, ready = self.graph.sorter(), set[str]()
        if self.act is bring_up and self.parallel:
            threading.Thread(target=self._begin, name="begin", daemon=True).start()
        try:
            while sorter.is_active():
                ready.update(sorter.get_ready())
                for name in self._startable(ready):
                    ready.remove(name)
                    self._start(name)
                    if name in self.outcomes:  # blocked: it ended without having begun
                        sorter.done(name)
                if self._running:
                    for name in self._next_ended():
                        sorter.done(name)
        except KeyboardInterrupt:
            self._interrupt()
        return [self.outcomes[name] for name in self.graph]

    def _begin(self) -> None:
        for name in self.graph:
            with contextlib.suppress(Exception):  # told when the stage's turn comes
                self.stages[name].begin()

    def _startable(self, ready: set[str]) -> list[str]:
        in_order = self.graph.written(ready)
        if self.parallel:
            return in_order
        return [] if self._running else in_order[:1]

    def _start(self, name: str) -> None:
        bad = [other for other in self.graph.needs[name] if not self.outcomes[other].state.good]
        if bad:
            self._end(Outcome(name, State.BLOCKED, f"needs {', '.join(bad)}"))
            return
        began = time.monotonic()
        self._running[name] = (began, began + self.stages[name].limit)
        self.display.started(name)
        threading.Thread(target=self._work, args=(name,), name=name, daemon=True).start()

    def _work(self, name: str) -> None:
        progress = Progress(
            lambda text: self._events.put(("said", name, text)), self._stop,
            lambda text: self._events.put(("told", name, text)),
        )  # fmt: skip
        try:
            result: object = self.act(self.stages[name], progress)
        except BaseException as error:  # whatever it is, the run must hear of it
            result = error
        self._events.put(("ended", name, result))

    def _next_ended(self) -> list[str]:
        """Wait for an event or for the nearest time limit; returns the names of stages that ended by it."""
        nearest = min(deadline for _, deadline in self._running.values())
        try:
            kind, name, content = self._events.get(timeout=max(0.0, nearest - time.monotonic()))
        except queue.Empty:
            late = [name for name, (_, deadline) in self._running.items() if deadline <= time.monotonic()]
            for name in late:
                self._end(self._too_late(name))
            return late
        if name not in self._running:  # given up on already
            return []
        if kind == "said":
            self.display.said(name, str(content))
            return []
        if kind == "told":
            self.display.told(name, str(content))
            return []
        self._end(self._outcome(name, content))
        return [name]

    def _outcome(self, name: str, result: object) -> Outcome:
        seconds = time.monotonic() - self._running[name][0]
        if isinstance(result, Stopped):
            return Outcome(name, State.INTERRUPTED, "interrupted; what it had started by then goes on", seconds)
        if isinstance(result, AnywhereError):
            if result.log is None and not isinstance(result, Explained):
                result.log = self._log(name)
            return Outcome(name, State.FAILED, str(result).splitlines()[0], seconds, result)
        if isinstance(result, BaseException):
            return Outcome(name, State.FAILED, f"{type(result).__name__}: {result}", seconds, _fault_of_ours(result))
        state, detail = cast("tuple[State, str]", result)
        return Outcome(name, state, detail, seconds)

    def _log(self, name: str) -> Path | None:
        """The stage's log, if anything was written to it since the stage began: an earlier start explains nothing."""
        log = self.stages[name].log
        began = time.time() - (time.monotonic() - self._running[name][0])
        with contextlib.suppress(OSError):
            if log is not None and log.stat().st_mtime >= began - CLOCK_GRAIN_SECONDS:
                return log
        return None

    def _too_late(self, name: str) -> Outcome:
        stage = self.stages[name]
        error = AnywhereError(f"{name} is not ready after its time limit of {stage.limit:g} s", log=self._log(name))
        return Outcome(name, State.FAILED, str(error), stage.limit, error)

    def _end(self, outcome: Outcome) -> None:
        self._running.pop(outcome.name, None)
        self.outcomes[outcome.name] = outcome
        self.display.ended(outcome)

    def _interrupt(self) -> None:
        """Tell the stages at work to stop, give them a moment, and account for every stage."""
        self.interrupted = True
        self._stop.set()
        until = time.monotonic() + STOP_GRACE_SECONDS
        try:
            while self._running and time.monotonic() < until:
                for name, (began, _) in self._running.items():
                    self._running[name] = (began, until)
                self._next_ended()
        except KeyboardInterrupt:
            pass  # a second Ctrl-C: do not even wait
        for name in list(self._running):
            self._end(Outcome(name, State.INTERRUPTED, "not waited for any longer; what it had started goes on"))
        for name in self.graph:
            if name not in self.outcomes:
                self._end(Outcome(name, State.BLOCKED, "interrupted before its turn"))


def _fault_of_ours(error: BaseException) -> AnywhereError:
    """An exception nobody foresaw: name the place in one line instead of filling the screen with a traceback."""
    place = traceback.extract_tb(error.__traceback__)
    where = f"{place[-1].filename}:{place[-1].lineno} in {place[-1].name}" if place else "an unknown place"
    told = AnywhereError(f"unexpected {type(error).__name__}: {error}", why=f"a fault of this program, at {where}")
    told.__cause__ = error
    return told
