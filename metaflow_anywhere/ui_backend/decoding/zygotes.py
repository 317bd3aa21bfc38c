"""The processes that decode: started when they are needed, kept for a while, and ended with whatever they are at."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import Any

from metaflow_anywhere import pickles
from metaflow_anywhere.accounts import ROOTS_STAND_IN_UID

PROGRAM = os.path.join(os.path.dirname(pickles.__file__), "zygote.py")  # noqa: PTH118, PTH120  # a constant
CHILD_UID = ROOTS_STAND_IN_UID + 1  # not PostgreSQL's own: a decoder must not be able to touch the database
ANSWER_SECONDS = 8.0  # its fork ends itself earlier; this is for one that cannot
ANSWER_BYTES = 25 * 2**20
IDLE_SECONDS = 60.0  # one weighs about 20 MB, and takes a tenth of a second to start


class Zygotes:
    """As many as are used at the same time."""

    def __init__(self) -> None:
        self._idle: list[asyncio.subprocess.Process] = []
        self._ending: asyncio.TimerHandle | None = None

    async def answer(self, sha: str, blob: bytes) -> dict[str, Any] | None:
        """What one artifact's process says; None if that was its end. Whoever stops waiting ends the work too."""
        process = self._idle.pop() if self._idle else await _start()
        finished = False
        try:
            answer = await asyncio.wait_for(_ask(process, sha, blob), ANSWER_SECONDS)
            finished = True
        except (OSError, ValueError, asyncio.TimeoutError):
            return None
        finally:
            if finished:
                self._keep(process)
            else:
                _kill(process)
        return None if answer.get("died") else answer

    async def close(self) -> None:
        """End those that are idle, and wait for it."""
        ending = list(self._idle)
        self._end_idle()
        await asyncio.gather(*(process.wait() for process in ending))

    def _end_idle(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        while self._idle:
            _kill(self._idle.pop())

    def _keep(self, process: asyncio.subprocess.Process) -> None:
        self._idle.append(process)
        if self._ending is not None:
            self._ending.cancel()
        self._ending = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._end_idle)


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", PROGRAM, str(CHILD_UID),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        limit=ANSWER_BYTES, env={}, cwd="/", start_new_session=True,
    )  # fmt: skip


async def _ask(process: asyncio.subprocess.Process, sha: str, blob: bytes) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"sha": sha, "bytes": len(blob)}).encode() + b"\n" + blob)
    await process.stdin.drain()
    answer = json.loads(await process.stdout.readline())
    if not isinstance(answer, dict):
        raise ValueError(answer)
    return answer


def _kill(process: asyncio.subprocess.Process) -> None:
    """End it and its fork: the two are a session of their own."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
