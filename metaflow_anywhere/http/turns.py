"""Turns at something scarce, fair between clients: each has one at a time, and those who wait are asked in a circle."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator


class Turns:
    """``count`` turns at once, of different clients."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._busy: set[str] = set()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @contextlib.asynccontextmanager
    async def of(self, client: str, seconds: float | None = None) -> AsyncIterator[None]:
        """A turn of ``client``'s, for the length of the block. Who is cancelled while waiting is not in the way.

        Raises asyncio.TimeoutError after ``seconds`` of waiting.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        self._next()
        timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, _expire, turn)
        try:
            await turn
        except BaseException:
            if turn.cancelled() or turn.exception() is not None:
                self._drop(client, turn)
            else:  # it came in the moment of a cancellation
                self._end(client)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        try:
            yield
        finally:
            self._end(client)

    def _end(self, client: str) -> None:
        self._free += 1
        self._busy.discard(client)
        self._next()

    def _next(self) -> None:
        while self._free:
            client = next((one for one in self._waiting if one not in self._busy), None)
            if client is None:
                return
            turn = self._waiting[client].popleft()
            self._waiting.move_to_end(client)
            if not self._waiting[client]:
                del self._waiting[client]
            if not turn.done():
                self._free -= 1
                self._busy.add(client)
                turn.set_result(None)

    def _drop(self, client: str, turn: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(client)
        if waiting is not None:
            with contextlib.suppress(ValueError):
                waiting.remove(turn)
            if not waiting:
                del self._waiting[client]


def _expire(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(asyncio.TimeoutError())
