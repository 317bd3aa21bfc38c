"""Lines of a task's logs, read where the task writes them: merged by time, in pages, never all in memory.

A line of today's clients begins with ``[MFLOG|version|UTC time|source|id]``; those of older ones are bare text. A line
ends at a line feed and nowhere else, however long it is: it is one row of a page, and a download has it as it was
printed. A long one is read in pieces, so that memory does not grow with it.
"""

from __future__ import annotations

import codecs
import heapq
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from itertools import islice
from typing import BinaryIO

from metaflow_anywhere.far.hand import beat

MARK = b"[MFLOG|"
PIECE_BYTES = 2**20  # of a line, read at once, and the most that is shown of one
PAGE_BYTES = 8 * 2**20  # shown of all lines of a page; of those after that ...
SHORT_BYTES = 1000  # ... only so much
COUNT_BYTES = 2**20
PART_BYTES = 64 * 1024  # of a download, sent at once


class Line:
    """A line of ``file``, which has just been read as far as ``text`` goes.

    ``stamp``: its time as it is written (empty if unknown). ``ended``: whether the file has been read to its end; until
    then `more` gives the rest.
    """

    __slots__ = ("_file", "ended", "stamp", "text")

    def __init__(self, file: BinaryIO, stamp: bytes, text: bytes, *, ended: bool) -> None:
        self._file = file
        self.stamp = stamp
        self.text = text
        self.ended = ended

    def more(self) -> Iterator[bytes]:
        """The pieces after `text`. To be asked for before the next line is."""
        while not self.ended and (raw := self._file.readline(PIECE_BYTES)):
            self.ended = raw.endswith(b"\n")
            yield raw[:-1] if self.ended else raw


def merged(files: Iterable[BinaryIO]) -> Iterator[Line]:
    """The lines of all ``files`` in the order of their times. A file's own order is kept."""
    sources = [_lines(file) for file in files]
    return sources[0] if len(sources) == 1 else heapq.merge(*sources, key=lambda line: line.stamp)


def _lines(file: BinaryIO) -> Iterator[Line]:
    stamp = b""
    while raw := file.readline(PIECE_BYTES):
        ended = raw.endswith(b"\n")
        text = raw[:-1] if ended else raw
        if text.startswith(MARK):
            header, closed, rest = text.partition(b"]")
            fields = header.split(b"|")
            if closed and len(fields) >= 5:
                stamp, text = fields[2], rest
        line = Line(file, stamp, text, ended=ended)
        yield line
        if not line.ended:
            for _ in line.more():  # whatever of it nobody wanted
                pass


def count(file: BinaryIO) -> int:
    """The number of lines from here to the end; the last one need not be finished."""
    lines, last = 0, b"\n"
    while chunk := file.read(COUNT_BYTES):
        beat()
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
    rows, shown = [], 0
    for place, line in enumerate(islice(merged(files), start, stop), start=start):
        room = PIECE_BYTES if shown < PAGE_BYTES else SHORT_BYTES
        shown += min(len(line.text), room)
        rows.append(_row(place, line, room))
    return rows[::-1] if newest_first else rows, pages


def text_parts(files: list[BinaryIO]) -> Iterator[bytes]:
    """The text of all lines as it was printed, in parts to send one after the other."""
    part: list[bytes] = []
    size, ended = 0, True
    for line in merged(files) if files else ():
        if not ended:  # the end of one file, with lines of another behind it
            part.append(b"\n")
        if ended := line.ended:
            part.append(line.text + b"\n")
            size += len(line.text)
        else:
            part.append(line.text)
            for piece in line.more():
                part.append(piece)
                yield b"".join(part)
                part, size = [], 0
            if ended := line.ended:
                part.append(b"\n")
        if size >= PART_BYTES:
            yield b"".join(part)
            part, size = [], 0
    if part:
        yield b"".join(part)


def _row(number: int, line: Line, room: int) -> bytes:
    """The line as JSON; of one that is longer than ``room`` bytes the beginning, and how much more there is."""
    hidden = len(line.text) - room
    if hidden > 0 or not line.ended:
        hidden = max(hidden, 0) + sum(map(len, line.more()))
    if hidden > 0:
        beginning = codecs.getincrementaldecoder("utf-8")("replace").decode(line.text[:room])
        text = f"{beginning} … {hidden} more bytes of this line are in the download"
    else:
        text = line.text.decode("utf-8", "replace")
    return json.dumps({"row": number, "timestamp": _milliseconds(line.stamp), "line": text}).encode()


def _milliseconds(stamp: bytes) -> int | None:
    """Milliseconds since 1970 of ``2026-11-22T23:26:35.325050Z``."""
    try:
        moment = datetime.strptime(stamp.decode("ascii"), "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        return None
    return int(moment.replace(tzinfo=timezone.utc).timestamp() * 1000)
