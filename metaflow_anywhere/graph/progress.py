"""How a stage at work speaks, notices that it should stop, and waits for something to become true."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from metaflow_anywhere.errors import AnywhereError

Answer = TypeVar("Answer")
SHORTEST_PAUSE_SECONDS = 0.01  # most things are ready within a tenth of a second
LONGEST_PAUSE_SECONDS = 0.25
PAUSE_SHARE = 0.1  # of the time that was waited so far: about as much of it is lost at the end, at most


class Stopped(Exception):
    """The run was interrupted while this stage was at work."""


class NotYet(Exception):
    """The answer to a question asked by ``wait_until`` is: not yet, because of the text."""


class Progress:
    """Given to a stage at work: ``say`` shows a sentence meanwhile, ``tell`` one that has to be read, at the end too.

    ``stop`` is set when the user has had enough.
    """

    def __init__(
        self,
        say: Callable[[str], None] | None = None,
        stop: threading.Event | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.say: Callable[[str], None] = say or (lambda text: None)
        self.tell = tell or self.say
        self.stop = stop or threading.Event()

    def pause(self, seconds: float) -> None:
        """Wait, but not past an interruption; raises Stopped then."""
        if self.stop.wait(seconds):
            raise Stopped


def wait_until(
    question: Callable[[], Answer],
    *,
    what: str,
    seconds: float,
    progress: Progress,
    log: Path | None = None,
    run: str = "",
) -> Answer:
    """Ask ``question`` until it returns instead of raising NotYet; returns its answer.

    Raises AnywhereError naming ``what``, the limit, the last reason and the log once ``seconds`` are over. Any other
    exception of the question ends the wait at once: that is how it says that waiting is of no use.
    """
    began = time.monotonic()
    while True:
        try:
            return question()
        except NotYet as answer:
            why = str(answer)
        waited = time.monotonic() - began
        if waited >= seconds:
            raise AnywhereError(f"{what} did not get ready within {seconds:g} s", why=why, log=log, run=run)
        progress.pause(min(max(SHORTEST_PAUSE_SECONDS, waited * PAUSE_SHARE), LONGEST_PAUSE_SECONDS))
