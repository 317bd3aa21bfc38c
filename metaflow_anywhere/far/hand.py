"""The process that touches a far place for its master, one call after the other: ``python -I -S hand.py``.

Messages are pickles behind their length; while a call is at work, ``beat`` says that it goes on. Written to be run as a
script by an isolated interpreter that is quick to start: it imports nothing but the standard library by itself.
"""

import contextlib
import os
import pickle
import signal
import struct
import sys
from collections.abc import Callable
from typing import cast

LENGTH = struct.Struct("<Q")
BEAT, VALUE, ERROR = b"b", b"v", b"e"
MASTER_GONE = 3  # an exit status
_master = 0
_answers: "int | None" = None  # the descriptor for answers, in a hand; None in any other process


def beat() -> None:
    """Say that the work goes on: between any two operations on the place. Ends a hand whose master is gone."""
    if _answers is None:
        return
    if os.getppid() != _master:
        os._exit(MASTER_GONE)
    os.write(_answers, BEAT)


def main() -> None:
    """Do what is asked until the master goes away."""
    global _answers, _master  # noqa: PLW0603  # ``beat`` is called from below whatever the work is
    _master = os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):  # at a shutdown all are asked to end, and the master has last words
        signal.signal(number, signal.SIG_IGN)
    asked = os.dup(0)
    _answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # whatever somebody prints is no answer
    sys.modules["metaflow_anywhere.far.hand"] = sys.modules["__main__"]
    sys.path[:] = cast("list[str]", _message(asked))
    beat()
    while True:
        function, arguments = cast("tuple[Callable[..., object], tuple[object, ...]]", _message(asked))
        told: object
        try:
            kind, told = VALUE, function(*arguments)
        except Exception as error:
            kind, told = ERROR, error
        packed = _packed(told)
        with contextlib.suppress(BrokenPipeError):
            _write(_answers, kind + LENGTH.pack(len(packed)) + packed)


def _packed(told: object) -> bytes:
    try:
        packed = pickle.dumps(told)
        pickle.loads(packed)  # noqa: S301  # our own; some exceptions can be packed, and not unpacked
    except Exception:
        return pickle.dumps(RuntimeError(f"{type(told).__name__}: {told}"))
    return packed


def _message(descriptor: int) -> "object":
    length = LENGTH.unpack(_read(descriptor, LENGTH.size))[0]
    return pickle.loads(_read(descriptor, length))  # noqa: S301  # from our own master


def _read(descriptor: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(descriptor, min(count, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    main()
