"""How records of the write-ahead log lie across its pages.

The format: https://www.postgresql.org/docs/current/wal-internals.html, and access/xlogrecord.h, xlog_internal.h.
"""

from __future__ import annotations

PAGE_BYTES = 8192
PAGE_HEADER_BYTES = 24
FIRST_PAGE_HEADER_BYTES = 40  # of a segment
ALIGNMENT_BYTES = 8


def page_header(position: int, segment: int) -> int:
    """Bytes of the header of the page that begins at ``position``."""
    return FIRST_PAGE_HEADER_BYTES if position % segment == 0 else PAGE_HEADER_BYTES


def next_record(position: int, segment: int) -> int:
    """Where the next record begins, at ``position`` or after the header of the page that begins there."""
    return position + page_header(position, segment) if position % PAGE_BYTES == 0 else position


def after(position: int, length: int, segment: int) -> int:
    """Where a record of ``length`` bytes that begins at ``position`` ends, with what it is filled up with."""
    left = length
    while left > (room := PAGE_BYTES - position % PAGE_BYTES):
        left -= room
        position += room
        position += page_header(position, segment)
    return -(-(position + left) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def record_bytes(raw: bytes, start: int, position: int, count: int, segment: int) -> bytes | None:
    """The first ``count`` bytes of the record at ``position``; ``raw`` is the log from ``start`` on. None past it."""
    found = b""
    while len(found) < count:
        room = min(PAGE_BYTES - position % PAGE_BYTES, count - len(found))
        part = raw[position - start : position - start + room]
        if len(part) < room:
            return None
        found, position = found + part, next_record(position + room, segment)
    return found
