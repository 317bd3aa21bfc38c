"""Programs that are begun before their turn, since they take longer to import than the database to start.

Where the turn never comes, because what they need did not come up, they are ended with the command that began them.
"""

from __future__ import annotations

import atexit
import contextlib
import threading

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import Progress, Verdict
from metaflow_anywhere.postgres import is_installed
from metaflow_anywhere.stack.stack import WATCHDOG
from metaflow_anywhere.stack.stages.base import ProgramStage

# Of this command: what was begun, whose turn came, and whether it is over.
_begun: list[ImportingStage] = []
_turns: set[str] = set()
_over = threading.Event()
_early = threading.Lock()


class ImportingStage(ProgramStage):
    """A program that takes longer to import than the database to start: it is begun at once."""

    def may_begin(self) -> bool:
        """Whether it does not run; one that runs, and a stack of another release, are the business of `work`."""
        info = self.stack.supervisor.info(self.program_name)
        if (info and info.running) or not is_installed(self.stack.settings.state_dir):
            return False
        from metaflow_anywhere.stack.upgrade import upgrade_is_due

        return not upgrade_is_due(self.stack)

    def check(self) -> Verdict:
        """As of every program; from now on it is not ended as one whose turn never came."""
        _turns.add(self.program_name)
        return super().check()

    def work(self, progress: Progress) -> str:
        """As of every program; see ``check``."""
        _turns.add(self.program_name)
        return super().work(progress)

    def begin(self) -> None:
        """Start it, if it may begin."""
        if self.may_begin():
            self.start_early()

    def start_early(self) -> None:
        """Start it, before it is known whether it can do anything. Where its turn never comes, it is ended."""
        with _early:
            if _over.is_set():
                return
            _begun.append(self)
            self.stack.make_machine_folders()
            self.stack.ensure_supervisor(Progress(), self.since)
            self.stack.supervisor.start(self.program_name)


@atexit.register
def _end_unused() -> None:
    """At the end of the command: whose turn never came waits for something that did not come up, and is ended."""
    with _early, contextlib.suppress(AnywhereError, OSError):
        _over.set()
        unused = [one for one in _begun if one.program_name not in _turns and one.stack.supervisor.alive()]
        for one in unused:
            one.stack.supervisor.stop(one.program_name)
        if unused:
            supervisor = unused[0].stack.supervisor
            if not any(info.running for name, info in supervisor.programs().items() if name != WATCHDOG):
                supervisor.shut_down(Progress())
