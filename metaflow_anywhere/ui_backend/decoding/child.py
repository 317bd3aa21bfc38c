"""The confined process: ``python -I -S child.py``. Turns pickles on standard input into JSON on standard output.

Two walls. The unpickler builds values of a few harmless types only; every other class or function in a pickle is
replaced by a stand-in that does nothing but remember its name, so that no code of a pickle ever runs. And before the
first byte of a pickle is read, the process gives up whatever it could do harm with: its user, opening files and
sockets, starting processes, memory, and time.

Run as a script by an isolated interpreter: it may import the standard library only, and all of it at the beginning.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import encodings.latin_1  # noqa: F401  # protocol 2 stores bytes with it
import fractions
import hashlib
import io
import json
import os
import pathlib
import pickle
import resource
import signal
import sys
import uuid
import zlib

CPU_SECONDS = 3
ITEM_SECONDS = 4
MEMORY_BYTES = 512 * 2**20
VALUE_BYTES = 32 * 2**20  # of a pickle after decompression
TEXT_CHARACTERS = 64 * 1024
JSON_CHARACTERS = 4 * 2**20
READ_BYTES = 64 * 1024
DEPTH = 60  # of what is turned into JSON

INCLUDED_FILE = "metaflow.includefile.IncludedFile"
CAUGHT = "metaflow.exception.MetaflowExceptionWrapper"  # what @catch(var=) keeps: texts only

HARMLESS: dict[tuple[str, str], type] = {
    (kind.__module__, kind.__qualname__): kind
    for kind in (
        bool, bytes, complex, dict, float, frozenset, int, list, range, set, slice, str, tuple,
        collections.Counter, collections.OrderedDict, collections.deque,
        datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone,
        decimal.Decimal, fractions.Fraction, uuid.UUID,
        pathlib.PosixPath, pathlib.PurePosixPath,
    )
}  # fmt: skip
HARMLESS[("builtins", "bytearray")] = bytearray
HARMLESS[("builtins", "xrange")] = range  # as protocol 2 has it
HARMLESS[("pathlib", "PosixPath")] = pathlib.PurePosixPath
HARMLESS[("pathlib._local", "PosixPath")] = pathlib.PurePosixPath


class StandIn:
    """What a pickle has in the place of a thing that is not built here."""

    label = "?"
    state: object = None

    def __new__(cls, *arguments: object, **options: object) -> StandIn:
        made = object.__new__(cls)
        # A function that rebuilds an object is given its class first.
        kind = arguments[0] if arguments else None
        made.label = kind.label if isinstance(kind, type) and issubclass(kind, StandIn) else cls.label
        return made

    def __init__(self, *arguments: object, **options: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, item: object) -> None:
        pass

    def extend(self, items: object) -> None:
        pass

    def add(self, item: object) -> None:
        pass

    def __repr__(self) -> str:
        return f"<{self.label}>"


class Unpickler(pickle.Unpickler):
    """Builds harmless values, and stand-ins for the rest."""

    def find_class(self, module: str, name: str) -> object:
        module = {"__builtin__": "builtins"}.get(module, module)
        found = HARMLESS.get((module, name))
        if found is not None:
            return found
        if (module, name) == ("_codecs", "encode"):
            return _latin_1
        if (module, name) == ("collections", "defaultdict"):
            return _defaultdict
        return type("StandIn", (StandIn,), {"label": f"{module}.{name}"[:200]})

    def persistent_load(self, pid: object) -> object:
        raise pickle.UnpicklingError("it refers to an object outside of it")


def _latin_1(text: str, encoding: str = "latin1") -> bytes:
    """How protocol 2 stores bytes."""
    return text.encode("latin-1")


def _defaultdict(*_: object) -> dict[object, object]:
    """A defaultdict without its factory, which would be called."""
    return {}


class Unshowable(Exception):
    """A value that is not shown; the text says why. ``kind`` is the value's type, where that much is known."""

    def __init__(self, why: str, kind: str = "") -> None:
        super().__init__(why)
        self.kind = kind


def decode(blob: bytes, sha: str) -> dict[str, str | None]:
    """The answer for one artifact in its stored form."""
    data = _unpacked(blob)
    if sha and hashlib.sha1(data, usedforsecurity=False).hexdigest() != sha:
        raise Unshowable("its file is damaged: it is not what was stored")
    value = Unpickler(io.BytesIO(data)).load()
    label = value.label if isinstance(value, StandIn) and isinstance(value.state, dict) else ""
    if label == INCLUDED_FILE:
        value = value.state.get("_descriptor")  # where the file is, its size and kind
    elif label == CAUGHT:
        value = _caught(value.state)
    if isinstance(value, StandIn) or (isinstance(value, type) and issubclass(value, StandIn)):
        raise Unshowable(f"it is made by {value.label}, which is not loaded here", value.label)
    text = str(value)
    document = json.dumps(_plain(value, DEPTH))
    return {
        "text": text[:TEXT_CHARACTERS] + ("…" if len(text) > TEXT_CHARACTERS else ""),
        "json": document if len(document) <= JSON_CHARACTERS else None,
        "kind": label or _kind(value),
    }


def _caught(state: dict[object, object]) -> str:
    """An exception as the client prints it."""
    told = state.get("stacktrace")
    return told if isinstance(told, str) and told else f"{state.get('type')}: {state.get('exception')}"


def _kind(value: object) -> str:
    """The type as Python's users write it."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _unpacked(blob: bytes) -> bytes:
    if not blob.startswith(b"\x1f\x8b"):
        return blob
    unzip = zlib.decompressobj(wbits=31)
    try:
        data = unzip.decompress(blob, VALUE_BYTES)
    except zlib.error:
        raise Unshowable("its file is damaged: it cannot be decompressed") from None
    if unzip.unconsumed_tail:
        raise Unshowable(f"it is larger than {VALUE_BYTES // 2**20} MiB")
    if not unzip.eof:
        raise Unshowable("its file is damaged: its end is missing")
    return data


def _plain(value: object, depth: int) -> object:
    """``value`` as JSON has it; what JSON has no word for as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if depth and isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _plain(one, depth - 1) for key, one in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset | collections.deque):
        return [_plain(one, depth - 1) for one in value]
    return str(value)


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


def main() -> None:
    """Answer every line ``{"sha": ..., "bytes": ...}`` and the bytes that follow it with one line."""
    confine(int(sys.argv[1]))
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while line := source.readline():
        asked = json.loads(line)
        blob = source.read(asked["bytes"])
        signal.alarm(ITEM_SECONDS)  # ends this process: nothing could interrupt a loop inside the interpreter
        try:
            answer: dict[str, str | None] = decode(blob, asked["sha"])
        except Unshowable as error:
            answer = {"error": str(error), "kind": error.kind}
        except MemoryError:
            answer = {"error": f"it needs more than {MEMORY_BYTES // 2**20} MiB of memory"}
        except RecursionError:
            answer = {"error": "it is nested too deeply"}
        except BaseException as error:
            answer = {"error": f"it cannot be decoded: {type(error).__name__}: {str(error)[:200]}"}
        blob = b""
        target.write(json.dumps(answer).encode() + b"\n")
        target.flush()


if __name__ == "__main__":
    main()
