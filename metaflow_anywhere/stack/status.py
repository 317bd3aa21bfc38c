"""How each program of a stack is, as a person or a script would ask."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from metaflow_anywhere.later import psutil
from metaflow_anywhere.stack.healing import read_healing
from metaflow_anywhere.stack.questions import QUESTIONS, NoAnswer, ask, duration
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.stack.supervision import Info

UNSUPERVISED = "unsupervised"


@dataclass(frozen=True)
class ProgramStatus:
    """One program. ``memory`` in bytes (each shared page counted once), ``uptime`` in seconds, ``answer_ms`` of the
    question that its users ask; None where there is nothing to tell."""

    program: str
    state: str
    address: str
    pid: int | None
    memory: int | None
    uptime: float | None
    answer_ms: float | None
    detail: str

    @property
    def healthy(self) -> bool:
        """Whether it runs and answers."""
        return self.state == "up"


def status(stack: Stack) -> list[ProgramStatus]:
    """Every program of ``stack``, all asked at the same time."""
    infos = stack.supervisor.programs()
    lost = stack.supervisor.lost() if not infos else {}
    with ThreadPoolExecutor(len(QUESTIONS)) as pool:
        return list(pool.map(lambda name: program_status(stack, name, infos.get(name), lost.get(name)), QUESTIONS))


def program_status(stack: Stack, name: str, info: Info | None, lost: int | None = None) -> ProgramStatus:
    """One program of ``stack``, of which the supervisor tells ``info``; ``lost`` is its process if the supervisor that
    started it is gone."""
    if lost is not None:
        return _unsupervised(stack, name, lost)
    if info is None or not info.running:
        detail = "" if info is None or info.state == "STOPPED" else info.description
        word = {"BACKOFF": "restarting", "FATAL": "failed", "EXITED": "restarting"}.get(
            info.state if info else "", "down"
        )
        return ProgramStatus(name, word, "", None, None, None, None, detail)
    try:
        answer = ask(QUESTIONS[name], stack)
        state, milliseconds, detail = "up", answer.milliseconds, answer.text
    except NoAnswer as no:
        state, milliseconds, detail = "no answer", None, str(no)
    uptime = max(0.0, time.time() - info.since)
    detail += _healed(stack, name)
    return ProgramStatus(name, state, stack.address(name), info.pid, memory(info.pid), uptime, milliseconds, detail)


def _unsupervised(stack: Stack, name: str, pid: int) -> ProgramStatus:
    """A program that runs on without anybody who would start it again."""
    stack.keep_ports()
    try:
        answer = ask(QUESTIONS[name], stack)
        milliseconds, told = answer.milliseconds, "it answers"
    except NoAnswer as no:
        milliseconds, told = None, f"it does not answer: {no}"
    detail = f"{told}; the supervisor that would start it again is gone"
    return ProgramStatus(name, UNSUPERVISED, stack.address(name), pid, memory(pid), None, milliseconds, detail)


def _healed(stack: Stack, name: str) -> str:
    """What the watchdog has done about the program lately, in words."""
    healing = read_healing(stack.healing_file)
    last = healing.last(name) if healing else None
    if last is None:
        return ""
    ago = duration(max(0.0, time.time() - last.at))
    return f"; {last.did} by the watchdog {ago} ago, when it had not answered for {duration(last.silent)}"


def memory(pid: int | None) -> int | None:
    """Bytes of the process and all below it: the proportional set size where the system tells it, else resident."""
    total = None
    for process in _tree(pid):
        with contextlib.suppress(psutil.Error, OSError):
            full = process.memory_full_info()
            total = (total or 0) + int(getattr(full, "pss", 0) or full.rss)
    return total


def _tree(pid: int | None) -> Iterator[psutil.Process]:
    if pid is not None:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            yield process
            yield from process.children(recursive=True)
