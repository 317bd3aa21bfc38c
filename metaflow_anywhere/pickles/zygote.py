"""``python -I -S zygote.py UID``: pickles on standard input, JSON on standard output, each made in its own process.

Two walls. The unpickler builds values of a few harmless types only, so that no code of a pickle ever runs. And before
the first byte of a pickle is read, a process that was forked for it alone gives up whatever it could do harm with: its
user, opening files and sockets, starting processes, memory, and time. What a pickle does to that process, down to the
classes in it, ends with it; this one, the zygote, has everything loaded and reads none.

Most values are numbers, texts and containers of them, whose pickles name no class and so can change none. Those share a
process that is confined as well, which is ten times as fast; it gives back whatever is not that plain.

It has to be root only where its parent is, to become the user UID in the forks.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[2]))

from metaflow_anywhere.pickles import zones
from metaflow_anywhere.pickles.showing import INTEGER_DIGITS, Unshowable, decode
from metaflow_anywhere.pickles.values import PlainUnpickler

CPU_SECONDS = 3
ITEM_SECONDS = 4
MEMORY_BYTES = 512 * 2**20
ANSWER_BYTES = 24 * 2**20
READ_BYTES = 2**20
PLAIN_SECONDS = 1  # of one item, before it gets its own process
DESCRIPTORS = 64  # more than this process ever has
OWN = b"own\n"
DIED = b'{"died": true}\n'


def confine(uid: int) -> None:
    """Give up, for good, what could do harm. ``uid``: whom to become if we are root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    for limit, amount in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 3),  # the standard streams; no file, pipe or socket beyond them can be opened
    ):
        resource.setrlimit(limit, (amount, amount))


def answer_for(blob: bytes, sha: str) -> bytes:
    """One line of JSON, whatever is in ``blob``."""
    try:
        answer: dict[str, str | None] = decode(blob, sha)
    except Unshowable as error:
        answer = {"error": str(error), "kind": error.kind}
    except MemoryError:
        answer = {"error": f"it needs more than {MEMORY_BYTES // 2**20} MiB of memory"}
    except RecursionError:
        answer = {"error": "it is nested too deeply"}
    except BaseException as error:
        answer = {"error": f"it cannot be decoded: {type(error).__name__}: {str(error)[:200]}"}
    return json.dumps(answer).encode() + b"\n"


def fork_confined(reads: int, writes: int, uid: int) -> int:
    """Fork a process whose standard streams are these two, and which is confined; 0 in the fork, as ``os.fork``."""
    child = os.fork()
    if child == 0:
        os.dup2(reads, 0)
        os.dup2(writes, 1)
        os.closerange(3, DESCRIPTORS)
        confine(uid)
    return child


def in_its_own_process(blob: bytes, sha: str, uid: int, nothing: int) -> bytes:
    """The answer of a fork that is confined; ``nothing`` is a descriptor of /dev/null."""
    reading, writing = os.pipe()
    child = fork_confined(nothing, writing, uid)
    if child == 0:
        try:
            signal.alarm(ITEM_SECONDS)  # ends this process: nothing could interrupt a loop inside the interpreter
            _write(1, answer_for(blob, sha))
        finally:
            os._exit(0)
    os.close(writing)
    parts: list[bytes] = []
    with contextlib.closing(os.fdopen(reading, "rb", buffering=0)) as answers:
        while sum(map(len, parts)) <= ANSWER_BYTES and (part := answers.read(READ_BYTES)):
            parts.append(part)
    _end(child)
    answer = b"".join(parts)
    whole = answer.endswith(b"\n") and answer.count(b"\n") == 1 and len(answer) <= ANSWER_BYTES
    return answer if whole else DIED


class PlainProcess:
    """The process that plain values share; a new one where the last has ended."""

    def __init__(self, uid: int) -> None:
        self._uid = uid
        self._child: int | None = None

    def answer(self, blob: bytes, sha: str) -> bytes | None:
        """The answer, or None for a value that needs a process of its own."""
        try:
            if self._child is None:
                self._start()
            self._to.write(json.dumps({"sha": sha, "bytes": len(blob)}).encode() + b"\n" + blob)
            self._to.flush()
            line = self._from.readline(ANSWER_BYTES)
        except OSError:
            line = b""
        if not line.endswith(b"\n"):  # it has ended, of this item or of all that it did before
            self._stop()
            return None
        return None if line == OWN else line

    def _start(self) -> None:
        reads, to = os.pipe()
        back, writes = os.pipe()
        child = fork_confined(reads, writes, self._uid)
        if child == 0:
            try:
                _serve_plain()
            finally:
                os._exit(0)
        os.close(reads)
        os.close(writes)
        self._child = child
        self._to, self._from = os.fdopen(to, "wb"), os.fdopen(back, "rb")

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            _end(child)
            for stream in (self._to, self._from):
                with contextlib.suppress(OSError):
                    stream.close()


def _serve_plain() -> None:
    source = os.fdopen(0, "rb", closefd=False)
    while line := source.readline():
        asked = json.loads(line)
        blob = source.read(asked["bytes"])
        signal.alarm(PLAIN_SECONDS)
        try:
            answer = json.dumps(decode(blob, asked["sha"], PlainUnpickler)).encode() + b"\n"
        except BaseException:  # whatever it is, it is found out again where it can be told
            answer = OWN
        signal.alarm(0)
        _write(1, answer)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _end(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def main() -> None:
    """Answer every line ``{"sha": ..., "bytes": ...}`` and the bytes that follow it with one line."""
    uid = int(sys.argv[1])
    zones.load()
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(INTEGER_DIGITS)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    gc.freeze()  # what is loaded is not looked through again in each fork
    source, target = sys.stdin.buffer, sys.stdout.buffer
    plain = PlainProcess(uid)
    while line := source.readline():
        asked = json.loads(line)
        blob, sha = source.read(asked["bytes"]), asked["sha"]
        target.write(plain.answer(blob, sha) or in_its_own_process(blob, sha, uid, nothing))
        target.flush()


if __name__ == "__main__":
    main()
