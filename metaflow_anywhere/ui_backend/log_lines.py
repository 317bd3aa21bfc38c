"""Lines of a task's logs, read where the task writes them: merged by time, in pages, never all in memory.

A line of today's clients begins with ``[MFLOG|version|UTC time|source|id]``; those of older ones are bare text.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from itertools import islice
from typing import BinaryIO

MARK = b"[MFLOG|"
LONGEST_LINE_BYTES = 2**20  # a longer one is shown as several
COUNT_BYTES = 2**20
PART_BYTES = 64 * 1024  # of a download, sent at once

Line = tuple[bytes, bytes]  # time as it is written (empty if unknown), text


def merged(files: Iterable[BinaryIO]) -> Iterator[Line]:
    """The lines of all ``files`` in the order of their times. A file's own order is kept."""
    sources = [_lines(file) for file in files]
    return sources[0] if len(sources) == 1 else heapq.merge(*sources, key=lambda line: line[0])


def _lines(file: BinaryIO) -> Iterator[Line]:
    stamp = b""
    while raw := file.readline(LONGEST_LINE_BYTES):
        text = raw[:-1] if raw.endswith(b"\n") else raw
        if text.startswith(MARK):
            header, closed, rest = text.partition(b"]")
            fields = header.split(b"|")
            if closed and len(fields) >= 5:
                stamp, text = fields[2], rest
        yield stamp, text


def count(file: BinaryIO) -> int:
    """The number of lines from here to the end; the last one need not be finished."""
    lines, last = 0, b"\n"
    while chunk := file.read(COUNT_BYTES):
        lines += chunk.count(b"\n")
        last = chunk[-1:]
    file.seek(0)
    return lines if last == b"\n" else lines + 1


def page(files: list[BinaryIO], *, number: int, limit: int, newest_first: bool) -> tuple[list[bytes], int]:
    """The rows of one page as JSON, and the number of pages.

    Newest first means that rows and pages are counted from the end, each row keeping its own number.
    """
    total = sum(count(file) for file in files)
    pages = max(1, -(-total // limit))
    start, stop = (number - 1) * limit, number * limit
    if newest_first:
        start, stop = max(0, total - stop), max(0, total - start)
    if not files or start >= total:
        return [], pages
    rows = [_row(start + place, line) for place, line in enumerate(islice(merged(files), start, stop))]
    return rows[::-1] if newest_first else rows, pages


def text_parts(files: list[BinaryIO]) -> Iterator[bytes]:
    """The text of all lines, in parts to send one after the other."""
    part: list[bytes] = []
    size = 0
    for _, text in merged(files) if files else ():
        part.append(text)
        size += len(text) + 1
        if size >= PART_BYTES:
            yield b"\n".join(part) + b"\n"
            part, size = [], 0
    if part:
        yield b"\n".join(part) + b"\n"


def _row(number: int, line: Line) -> bytes:
    document = {"row": number, "timestamp": _milliseconds(line[0]), "line": line[1].decode("utf-8", "replace")}
    return json.dumps(document).encode()


def _milliseconds(stamp: bytes) -> int | None:
    """Milliseconds since 1970 of ``2026-11-22T23:26:35.325050Z``."""
    try:
        moment = datetime.strptime(stamp.decode("ascii"), "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        return None
    return int(moment.replace(tzinfo=timezone.utc).timestamp() * 1000)
