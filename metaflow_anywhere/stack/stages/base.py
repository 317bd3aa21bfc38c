"""What all stages of a stack share, and what those share that keep a program running.

What only work needs is imported where it works: most `up` find nothing to do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import NotYet, Progress, Stopped, Verdict, needed, not_needed, satisfied, wait_until
from metaflow_anywhere.stack.overtaking import note_taken_down, overtaken, taken_down_since, yield_to_down
from metaflow_anywhere.stack.questions import QUESTIONS, NoAnswer, ask
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.stack.supervision import Program

READY_SECONDS = 20.0  # a program that was started longer ago and does not answer never will
LOOK_SECONDS = 0.25  # between two looks at why there is no answer: they cost more than the question
HOPELESS_SECONDS = 6.0  # a program that keeps dying for this long does not become ready by waiting


@dataclass
class StackStage:
    """What all stages share: the stack, the time limit in seconds, and by default no log and nothing to undo."""

    stack: Stack
    limit: float = 120.0
    since: float = field(default_factory=time.time)

    @property
    def log(self) -> Path | None:
        """No log of its own."""
        return None

    def check(self) -> Verdict:
        """Each stage looks for itself."""
        raise NotImplementedError

    def begin(self) -> None:
        """Nothing that could begin early."""

    def foresee(self) -> None:
        """Nothing is known beforehand."""

    def work(self, progress: Progress) -> str:
        """Each stage works for itself."""
        raise NotImplementedError

    def explain(self, error: Exception) -> Exception:
        """Where `down` was run meanwhile, that is why: what failed then says nothing of the stack."""
        if isinstance(error, Stopped) or not taken_down_since(self.stack.folder, self.since):
            return error
        return overtaken()

    def undo(self, progress: Progress) -> str | None:
        """Nothing to take back."""
        return None


class ProgramStage(StackStage):
    """A stage that has one program of the stack running, as it is configured now, and answering its question."""

    program_name: ClassVar[str]

    @property
    def log(self) -> Path:
        """The program's log."""
        return self.stack.log(self.program_name)

    def program(self) -> Program:
        """The program as it should run."""
        raise NotImplementedError

    def precede(self, progress: Progress) -> None:
        """What may take long, and keeps no other stage waiting."""

    def prepare(self, progress: Progress) -> None:
        """What has to be in place before the program is started."""

    def check(self) -> Verdict:
        """Running, current, and answering."""
        info = self.stack.supervisor.info(self.program_name)
        if info is None or not info.running:
            return needed("it is not running")
        if not self.stack.supervisor.is_current(self.program()):
            return needed("its configuration has changed")
        try:
            return satisfied(ask(QUESTIONS[self.program_name], self.stack).text)
        except NoAnswer as no:
            return needed(f"it does not answer: {no}")

    def work(self, progress: Progress) -> str:
        """Start the program under the supervisor and wait until it answers."""
        from metaflow_anywhere.stack.upgrade import prepare_upgrade

        self.precede(progress)
        with self.stack.exclusive():
            yield_to_down(self.stack.folder, self.since)
            prepare_upgrade(self.stack, progress)
            self.stack.ensure_supervisor(progress, self.since)
            if self._hangs():
                progress.say("it runs and does not answer: restarting it")
                self.stack.supervisor.stop(self.program_name)
            self.prepare(progress)
            if self.stack.supervisor.renew(self.program()):
                progress.say("the one that ran was told otherwise: replacing it")
            self.stack.supervisor.start(self.program_name)
        answer = self.await_answer(progress)
        yield_to_down(self.stack.folder, self.since)
        return answer

    def _hangs(self) -> bool:
        """Whether the program has had time enough to get ready, and does not answer."""
        info = self.stack.supervisor.info(self.program_name)
        if info is None or not info.running or time.time() - info.since < READY_SECONDS:
            return False
        try:
            ask(QUESTIONS[self.program_name], self.stack)
        except NoAnswer:
            return True
        return False

    def await_answer(self, progress: Progress) -> str:
        """Wait until the program answers its question; gives up early on one that keeps dying."""
        began = looked = time.monotonic()

        def question() -> str:
            nonlocal looked
            try:
                return ask(QUESTIONS[self.program_name], self.stack).text
            except NoAnswer as no:
                if time.monotonic() - looked < LOOK_SECONDS:
                    raise NotYet(str(no)) from None
                looked = time.monotonic()
                if why := self.give_up():
                    raise AnywhereError(f"{self.program_name} does not get ready", why=why, log=self.log) from None
                info = self.stack.supervisor.info(self.program_name)
                dead = info is None or info.state in ("FATAL", "STOPPED")
                dying = info is not None and info.state in ("BACKOFF", "EXITED")
                if dead or (dying and time.monotonic() - began > HOPELESS_SECONDS):
                    why = info.description if info else "the supervisor is gone"
                    raise AnywhereError(f"{self.program_name} does not stay up", why=why, log=self.log) from None
                raise NotYet(str(no)) from None

        return wait_until(question, what=self.program_name, seconds=self.limit, progress=progress, log=self.log)

    def give_up(self) -> str:
        """Why waiting for an answer is of no use, as far as the program itself can tell; empty to go on waiting."""
        return ""

    def undo(self, progress: Progress) -> str | None:
        """Stop the program."""
        note_taken_down(self.stack.folder)
        return "stopped" if self.stack.supervisor.stop(self.program_name) else None


class LaterStage(StackStage):
    """A stage that is in the graph and has nothing to do in this version; ``why`` is what the user is told."""

    why: ClassVar[str]

    def check(self) -> Verdict:
        """Never needed."""
        return not_needed(self.why)

    def work(self, progress: Progress) -> str:
        """Never reached, since no check asks for it."""
        raise AssertionError(f"{type(self).__name__} has no work in this version")
