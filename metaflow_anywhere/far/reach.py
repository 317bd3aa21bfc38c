"""Calls functions that touch a place which may hang, with a limit, in processes that can be left behind."""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from metaflow_anywhere.far.hand import BEAT, ERROR, LENGTH

HAND = Path(__file__).with_name("hand.py")
PATIENCE_SECONDS = 20  # for one call of the system: on slow drives each folder of a path takes two seconds
RETRY_SECONDS = 10.0  # how long a place that hangs is not asked again, unless it comes back before
START_SECONDS = 60.0  # for a process to begin, on a machine that is very busy
DEATH_SECONDS = 0.3  # how long a process takes to end that is not held by the place
MOST_STUCK = 4  # processes that are left behind at one place; more would not find out more
IDLE_HANDS = 2
SLOWEST_BYTES_PER_SECOND = 256 << 10  # of what a drive must take before it says that it has it

T = TypeVar("T")


class Hanging(TimeoutError):
    """A place does not answer. ``since`` is when it was asked what it has not answered yet (epoch, s)."""

    def __init__(self, place: str, since: float) -> None:
        super().__init__(place, since)
        self.place, self.since = place, since
        self.strerror = str(self)

    def __str__(self) -> str:
        when = time.strftime("%H:%M:%S", time.localtime(self.since))
        return f"it hangs: what was asked at {when} has not been answered for {time.time() - self.since:.0f} s"


class Hand:
    """One process, doing one call at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(HAND)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True, bufsize=0,
        )  # fmt: skip
        assert self.process.stdin
        assert self.process.stdout
        self._asking, self._answers = self.process.stdin.fileno(), self.process.stdout.fileno()
        self.heard = time.time()  # epoch, s: from it
        self._send(sys.path)
        self._read(1, START_SECONDS)

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...], patience: float) -> Any:
        """Raises TimeoutError once nothing was heard for ``patience``, EOFError if the process is gone, and whatever
        ``function`` raises."""
        self.heard = time.time()
        self._send((function, arguments))
        while (kind := self._read(1, patience)) == BEAT:
            pass
        told = pickle.loads(self._read(LENGTH.unpack(self._read(LENGTH.size, patience))[0], patience))  # noqa: S301
        if kind == ERROR:
            raise told
        return told

    def kill(self) -> bool:
        """End it; False if the place holds it."""
        self.process.kill()
        try:
            self.process.wait(DEATH_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Let go of it: it ends by itself."""
        for end in (self.process.stdin, self.process.stdout):
            if end:
                with contextlib.suppress(OSError):
                    end.close()

    def _send(self, message: object) -> None:
        packed = pickle.dumps(message)
        view = memoryview(LENGTH.pack(len(packed)) + packed)
        try:
            while view:
                view = view[os.write(self._asking, view) :]
        except BrokenPipeError:
            raise EOFError from None

    def _read(self, count: int, patience: float) -> bytes:
        parts = []
        while count:
            if not select.select([self._answers], [], [], patience)[0]:
                raise TimeoutError
            part = os.read(self._answers, min(count, 1 << 20))
            if not part:
                raise EOFError
            self.heard = time.time()
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


class Reach:
    """The way to one ``place``. Safe to use from several threads."""

    def __init__(self, place: Path, patience: float = PATIENCE_SECONDS) -> None:
        self.place, self.patience = place, patience
        self.done: set[str] = set()  # what need not be done again in this process
        self._lock = threading.Lock()
        self._idle: list[Hand] = []
        self._stuck: list[Hand] = []
        self._since: float | None = None
        self._retry_at = 0.0  # monotonic

    @property
    def hanging_since(self) -> float | None:
        """When the place was asked what it has not answered yet (epoch, s); None if it answers."""
        return self._since

    def call(self, function: Callable[..., T], *arguments: Any, data_bytes: int = 0) -> T:
        """``function(*arguments)``, which must be a module's own; it calls ``beat`` between operations on the place.

        ``data_bytes`` is how much of it the drive may have to send before it answers. Raises Hanging, and whatever the
        function raises. While the place hangs, most calls are refused at once.
        """
        self._require_answering()
        try:
            hand = self._take()
        except (EOFError, TimeoutError):
            raise OSError(5, f"the process that reads {self.place} does not begin") from None
        patience = self.patience + data_bytes / SLOWEST_BYTES_PER_SECOND
        try:
            told = hand.call(function, arguments, patience)
        except TimeoutError as error:
            if isinstance(error, Hanging) or error.errno is not None:  # the function's own
                self._give_back(hand)
                raise
            raise self._left(hand) from None
        except EOFError:
            hand.close()
            raise OSError(5, f"the process that reads {self.place} was ended") from None
        except Exception:
            self._give_back(hand)
            raise
        except BaseException:  # interrupted: what it would answer now is nobody's
            hand.kill()
            raise
        self._give_back(hand)
        return cast("T", told)

    def _require_answering(self) -> None:
        with self._lock:
            if self._since is None:
                return
            held = len(self._stuck)
            self._stuck = [hand for hand in self._stuck if hand.process.poll() is None]
            came_back = held > 0 and not self._stuck
            if came_back or (time.monotonic() >= self._retry_at and len(self._stuck) < MOST_STUCK):
                self._retry_at = time.monotonic() + RETRY_SECONDS  # one asks; the others are refused meanwhile
                return
            raise Hanging(str(self.place), self._since)

    def _take(self) -> Hand:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Hand()

    def _give_back(self, hand: Hand) -> None:
        with self._lock:
            self._since = None
            if len(self._idle) < IDLE_HANDS:
                self._idle.append(hand)
                return
        hand.close()

    def _left(self, hand: Hand) -> Hanging:
        free = hand.kill()
        with self._lock:
            self._since = self._since or hand.heard
            self._retry_at = time.monotonic() + RETRY_SECONDS
            if not free:
                self._stuck.append(hand)
            return Hanging(str(self.place), self._since)


@functools.cache
def reach_of(place: Path, patience: float = PATIENCE_SECONDS) -> Reach:
    """The one way to ``place`` that this process has."""
    return Reach(place, patience)
