"""Reads of places that may hang, such as a datastore on a mounted drive: with a limit, and never in a thread of ours.

What is on a disk is read in a thread as ever. What is on a drive is read by processes that can be left behind; whoever
asks hears Hanging once the drive does not answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from metaflow_anywhere.far.places import is_far
from metaflow_anywhere.far.reach import PATIENCE_SECONDS, Reach, reach_of
from metaflow_anywhere.ui_backend.datastore import Folder

MOST_AT_ONCE = 8  # reads of drives; the others wait for their turn, no longer than the limit of those before them
PATIENCE = "MF_DRIVE_PATIENCE"

T = TypeVar("T")
_turns = asyncio.Semaphore(MOST_AT_ONCE)


def far(folders: Iterable[Folder]) -> Path | None:
    """The first of ``folders`` that is on a drive; None if all are on disks."""
    return next((one.root for one in folders if is_far(one.root)), None)


async def reading(folders: Iterable[Folder], function: Callable[..., T], *arguments: object) -> T:
    """``function(*arguments)``, a module's own, which touches ``folders`` alone. Raises Hanging, and what it raises."""
    place = far(folders)
    if place is None:
        return await asyncio.to_thread(function, *arguments)
    text = os.environ.get(PATIENCE, "")
    reach = reach_of(place, float(text) if text.isdecimal() and int(text) else PATIENCE_SECONDS)
    async with _turns:
        return await _left_at_the_end(reach, function, arguments)


async def _left_at_the_end(reach: Reach, function: Callable[..., T], arguments: tuple[object, ...]) -> T:
    """In a thread that the program does not wait for when it ends."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(value: T | None, error: BaseException | None) -> None:
        if answer.done():  # nobody waits any more
            return
        if error is None:
            answer.set_result(value)  # type: ignore[arg-type]
        else:
            answer.set_exception(error)

    def work() -> None:
        value, fault = None, None
        try:
            value = reach.call(function, *arguments)
        except Exception as error:
            fault = error
        with contextlib.suppress(RuntimeError):  # the program ends
            loop.call_soon_threadsafe(tell, value, fault)

    threading.Thread(target=work, daemon=True, name="far read").start()
    return await answer
