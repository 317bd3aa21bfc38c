"""Finds out whether log that lies in a mirror holds commits: a database that stops writes some log of its own too.

The format of records: https://www.postgresql.org/docs/current/wal-internals.html, access/xlogrecord.h.
"""

from __future__ import annotations

import struct

from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.pages import PAGE_BYTES, after, next_record, record_bytes
from metaflow_anywhere.state.ways import read_range

HEADER = struct.Struct("<IIQBBxxI")  # length, transaction, position of the record before, info, kind, checksum
TRANSACTION_KIND = 1
WHAT_MASK, COMMIT = 0x70, 0x00
LOOKED_AT_BYTES = 4 << 20  # more than that is not what a database writes while it stops


def has_commits(catalogue: Catalogue, one: Incarnation, start: int) -> bool:
    """Whether the log of ``one`` has a commit at ``start`` (a record begins there) or later; True if unclear."""
    raw, position = bytearray(), start
    for name in catalogue.all_wal(one):
        if name.timeline == one.timeline and name.start <= position < name.end:
            found = read_range(catalogue, one, name)
            if found is None:
                continue
            raw += found[1][position - name.start :]
            position = name.end
            if len(raw) > LOOKED_AT_BYTES:
                return True
    return _scan(bytes(raw), start, one.segments.size)


def _scan(raw: bytes, start: int, segment: int) -> bool:
    position, before, end = next_record(start, segment), None, start + len(raw)
    while position + HEADER.size < end:
        record = record_bytes(raw, start, position, HEADER.size, segment)
        if record is None:
            return False
        length, _, prior, info, kind, _ = HEADER.unpack(record)
        if length < HEADER.size or (before is not None and prior != before):
            return length != 0 and position + PAGE_BYTES < end  # the end of the log, or not what we take it for
        if kind == TRANSACTION_KIND and info & WHAT_MASK == COMMIT:
            return True
        before, position = position, next_record(after(position, length, segment), segment)
    return False
