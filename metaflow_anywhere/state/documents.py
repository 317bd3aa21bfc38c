"""Files of the mirror that prove themselves: sealed JSON documents, and ranges of the write-ahead log."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

SEAL = "seal"
LONGEST_HEADER_BYTES = 4096
COMPRESSION = 1  # the log is written all the time: most of what level 6 gains is not worth its time


class Damaged(Exception):
    """A file is not what was written; the text says in what way."""


def sealed(document: Mapping[str, Any]) -> bytes:
    """The document as JSON with a digest of itself."""
    digest = hashlib.sha256(_canonical(document)).hexdigest()
    return json.dumps({**document, SEAL: digest}, indent=1).encode()


def unsealed(data: bytes) -> dict[str, Any]:
    """The document in ``data``. Raises Damaged unless it is exactly what was sealed."""
    try:
        document = json.loads(data)
        seal = document.pop(SEAL)
    except (ValueError, AttributeError, KeyError, TypeError):
        raise Damaged("it is empty" if not data.strip() else "it is not a whole document") from None
    if hashlib.sha256(_canonical(document)).hexdigest() != seal:
        raise Damaged("its content does not match its digest")
    return dict(document)


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


@dataclass(frozen=True)
class WalRange:
    """The bytes ``start`` to ``end`` of timeline ``timeline``, written by ``incarnation`` at ``time`` (epoch, s).

    ``lag`` is how long (s) they may have waited for that; None if it was not measured.
    """

    incarnation: str
    system: str
    timeline: int
    start: int
    end: int
    time: float
    lag: float | None = None


WAL_FIELDS = {one.name for one in fields(WalRange)}  # a header may say more: later versions do


def packed(described: WalRange, raw: bytes) -> bytes:
    """One line of JSON about the range, then its bytes, compressed."""
    body = zlib.compress(raw, COMPRESSION)
    header = {
        "incarnation": described.incarnation, "system": described.system, "timeline": described.timeline,
        "start": described.start, "end": described.end, "time": described.time, "lag": described.lag,
        "sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(body),
    }  # fmt: skip
    return json.dumps(header).encode() + b"\n" + body


def unpacked(data: bytes) -> tuple[WalRange, bytes]:
    """The range and its bytes. Raises Damaged."""
    line, newline, body = data.partition(b"\n")
    if not data:
        raise Damaged("it is empty")
    if not newline or len(line) > LONGEST_HEADER_BYTES:
        raise Damaged("it has no header")
    try:
        header = json.loads(line)
        size, digest = header.pop("bytes"), header.pop("sha256")
        described = WalRange(**{name: header[name] for name in header if name in WAL_FIELDS})
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Damaged("its header cannot be read") from None
    if len(body) != size:
        raise Damaged(f"it has {len(body)} of {size} bytes")
    try:
        raw = zlib.decompress(body)
    except zlib.error:
        raise Damaged("it cannot be decompressed") from None
    if len(raw) != described.end - described.start or hashlib.sha256(raw).hexdigest() != digest:
        raise Damaged("its content does not match its digest")
    return described, raw
