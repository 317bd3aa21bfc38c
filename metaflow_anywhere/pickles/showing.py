"""One artifact in its stored form, and what is shown of it: text as Python writes it, JSON, and its type."""

from __future__ import annotations

import collections
import datetime
import hashlib
import io
import json
import pickle
import zlib
from typing import Any

from metaflow_anywhere.pickles import arrays
from metaflow_anywhere.pickles.values import StandIn, Unpickler

VALUE_BYTES = 32 * 2**20  # of a pickle after decompression
TEXT_CHARACTERS = 64 * 1024
JSON_CHARACTERS = 4 * 2**20
DEPTH = 60  # of what is turned into JSON
INTEGER_DIGITS = 20_000  # longer ones are not written out: that takes time by their square
READABLE_BITS = 4300 * 3  # about as long as readers of JSON take a number

INCLUDED_FILE = "metaflow.includefile.IncludedFile"


class Unshowable(Exception):
    """A value that is not shown; the text says why. ``kind`` is the value's type, where that much is known."""

    def __init__(self, why: str, kind: str = "") -> None:
        super().__init__(why)
        self.kind = kind


class _Said:
    """What is said in the place of a part that cannot be written out."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def decode(blob: bytes, sha: str, unpickler: type[pickle.Unpickler] = Unpickler) -> dict[str, str | None]:
    """The answer for one artifact in its stored form. Raises Unshowable, and whatever a damaged pickle makes happen."""
    data = _unpacked(blob)
    if sha and hashlib.sha1(data, usedforsecurity=False).hexdigest() != sha:
        raise Unshowable("its file is damaged: it is not what was stored")
    value = unpickler(io.BytesIO(data)).load()
    included = isinstance(value, StandIn) and value.label == INCLUDED_FILE and isinstance(value.state, dict)
    if included:
        value = value.state.get("_descriptor")  # where the file is, its size and kind
    if isinstance(value, StandIn | arrays.Unread) or (isinstance(value, type) and issubclass(value, StandIn)):
        raise Unshowable(f"it is made by {value.label}, which is not loaded here", value.label)
    text = _text(value)
    document = json.dumps(_plain(value, DEPTH))
    return {
        "text": text[:TEXT_CHARACTERS] + ("…" if len(text) > TEXT_CHARACTERS else ""),
        "json": document if len(document) <= JSON_CHARACTERS else None,
        "kind": INCLUDED_FILE if included else _kind(value),
    }


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


def _text(value: Any) -> str:
    """``str`` of the value; where a part of it has none, with words in the place of that part."""
    if isinstance(value, datetime.datetime | datetime.time) and isinstance(value.tzinfo, StandIn):
        return f"{value} {value.tzinfo!r}"
    try:
        return str(value)
    except (RecursionError, MemoryError):
        raise
    except Exception:
        return str(_tamed(value, DEPTH))


def _tamed(value: Any, depth: int) -> Any:
    if depth and isinstance(value, dict):
        return {_tamed(key, depth - 1): _tamed(one, depth - 1) for key, one in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset | collections.deque):
        kind = type(value) if type(value) in (list, tuple, set, frozenset) else list
        return kind(_tamed(one, depth - 1) for one in value)
    if isinstance(value, int) and value.bit_length() > READABLE_BITS:
        return value if value.bit_length() * 0.30103 < INTEGER_DIGITS - 1 else _Said(_digits(value))
    try:
        repr(value)
    except (RecursionError, MemoryError):
        raise
    except Exception as error:
        return _Said(f"<{_kind(value)}, which cannot be written out: {type(error).__name__}>")
    return value


def _digits(value: int) -> str:
    return f"<an integer of about {int(value.bit_length() * 0.30103) + 1} digits>"


def _plain(value: Any, depth: int) -> Any:
    """``value`` as JSON has it; what JSON has no word for as text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        readable = value.bit_length() <= READABLE_BITS if isinstance(value, int) else value - value == 0
        return value if readable else _text(value)
    if isinstance(value, arrays.Array) and value.nested is not None:
        value = [value.nested] if not value.shape else value.nested
    if depth and isinstance(value, dict):
        return {key if isinstance(key, str) else _text(key): _plain(one, depth - 1) for key, one in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset | collections.deque):
        return [_plain(one, depth - 1) for one in value]
    return _text(value)
