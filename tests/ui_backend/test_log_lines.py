"""Lines of logs: merged by time, in pages from either end, whatever state the files are in."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest

from metaflow_anywhere.ui_backend import log_lines


def mflog(second: int, text: str) -> bytes:
    return f"[MFLOG|0|2026-01-01T00:00:{second:02d}.500000Z|task|id]{text}".encode()


def page(*contents: bytes, number: int = 1, limit: int = 100, newest_first: bool = False) -> tuple[list[Any], int]:
    files = [io.BytesIO(content) for content in contents]
    rows, pages = log_lines.page(list(files), number=number, limit=limit, newest_first=newest_first)
    return [json.loads(row) for row in rows], pages


def lines(*contents: bytes, **more: Any) -> list[str]:
    return [row["line"] for row in page(*contents, **more)[0]]


def test_two_sources_are_merged_by_time_and_keep_their_own_order() -> None:
    runtime = mflog(1, "a") + b"\n" + mflog(5, "e") + b"\n"
    task = mflog(2, "b") + b"\n" + mflog(2, "c") + b"\n" + mflog(4, "d") + b"\n"
    assert lines(runtime, task) == ["a", "b", "c", "d", "e"]
    assert page(runtime, task)[0][0] == {"row": 0, "timestamp": 1767225601500, "line": "a"}


def test_pages_count_from_the_end_when_newest_comes_first() -> None:
    log = b"".join(mflog(number, str(number)) + b"\n" for number in range(7))
    assert lines(log, limit=3, newest_first=True) == ["6", "5", "4"]
    assert lines(log, limit=3, number=3, newest_first=True) == ["0"]
    assert lines(log, limit=3, number=2) == ["3", "4", "5"]
    rows, pages = page(log, limit=3, number=2, newest_first=True)
    assert ([row["row"] for row in rows], pages) == ([3, 2, 1], 3)
    assert lines(log, limit=3, number=99) == lines(log, limit=3, number=99, newest_first=True) == []


def test_legacy_text_has_no_times() -> None:
    assert page(b"one\ntwo [MFLOG|\n")[0] == [
        {"row": 0, "timestamp": None, "line": "one"},
        {"row": 1, "timestamp": None, "line": "two [MFLOG|"},
    ]


def test_a_truncated_log_gives_what_is_there() -> None:
    whole = mflog(1, "a") + b"\n" + mflog(2, "b")
    assert lines(whole) == ["a", "b"]
    assert lines(whole[:-10]) == ["a", whole[:-10].split(b"\n")[1].decode()]
    assert lines(b"") == []
    assert lines() == []
    assert lines(b"\xff\xfe\n") == ["\ufffd\ufffd"]


MEBIBYTE = 2**20
LONG = {
    "a stamped line": mflog(2, "x" * 3_000_000),
    "a bare line": b"x" * 3_000_000,
    "characters of several bytes": mflog(2, "ü" * 1_500_000),
    "what looks like a header inside": mflog(2, "x" * (MEBIBYTE - len(mflog(2, ""))) + "[MFLOG|0|2001|task|fake]y"),
    "exactly one piece": b"x" * (MEBIBYTE - 1),
    "exactly one piece without its end": b"x" * MEBIBYTE,
    "a progress bar": b"\r".join(b"%d%% done" % (number % 100) for number in range(300_000)),
}


@pytest.mark.parametrize("line", LONG.values(), ids=LONG)
def test_a_long_line_is_one_row_and_hides_none_behind_it(line: bytes) -> None:
    printed = line.partition(b"]")[2] if line.startswith(b"[MFLOG") else line
    after = [f"after {number}" for number in range(8)]
    log = b"\n".join([mflog(1, "before"), line, *(mflog(3, text) for text in after), mflog(4, "THE END")]) + b"\n"
    for newest_first in (False, True):
        rows, pages = page(log, newest_first=newest_first)
        assert [row["row"] for row in rows] == (list(range(11))[::-1] if newest_first else list(range(11)))
        assert pages == 1
        texts = [row["line"] for row in rows[:: -1 if newest_first else 1]]
        assert texts[0] == "before"
        assert texts[2:] == [*after, "THE END"]
        assert texts[1] == printed.decode() or "more bytes of this line are in the download" in texts[1]
    whole = b"".join(log_lines.text_parts([io.BytesIO(log)]))
    assert whole == b"\n".join([b"before", printed, *(text.encode() for text in after), b"THE END"]) + b"\n"


def test_the_part_of_a_line_that_is_not_shown_is_counted() -> None:
    (row,) = page(b"\xc3\xbc" * MEBIBYTE)[0]
    assert row["line"].startswith("üü")
    assert row["line"].endswith(f"ü … {MEBIBYTE} more bytes of this line are in the download")


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n", b"\r", b"\xff\xfe"])
def test_a_download_ends_as_the_log_does(end: bytes) -> None:
    bare = b"one\r\ntwo\x00\x1b[31m" + end
    assert b"".join(log_lines.text_parts([io.BytesIO(bare)])) == bare
    stamped = mflog(1, "one\r") + b"\n" + mflog(2, "two") + end
    assert b"".join(log_lines.text_parts([io.BytesIO(stamped)])) == b"one\r\ntwo" + end


def test_an_unfinished_line_of_one_source_does_not_run_into_the_other() -> None:
    parts = log_lines.text_parts([io.BytesIO(mflog(1, "a")), io.BytesIO(mflog(2, "b"))])
    assert b"".join(parts) == b"a\nb"


def test_a_log_without_line_breaks_does_not_fill_memory() -> None:
    """Neither one line, nor many that are as long as is shown."""

    class Endless(io.RawIOBase):
        """So many bytes, a line end after each ``every`` of them, without holding them."""

        def __init__(self, size: int, every: int) -> None:
            self.size, self.every, self.place = size, every, 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, place: int, whence: int = 0) -> int:
            self.place = place
            return place

        def readinto(self, buffer: Any) -> int:
            wanted = min(len(buffer), self.size - self.place)
            text = bytearray(b"x" * wanted)
            for at in range(self.every - 1 - self.place % self.every, wanted, self.every):
                text[at] = 10
            buffer[:wanted] = text
            self.place += wanted
            return wanted

    for every in (200 * MEBIBYTE, MEBIBYTE):
        tracemalloc.start()
        rows, _ = log_lines.page([io.BufferedReader(Endless(100 * MEBIBYTE, every))], number=1, limit=10_000,
                                 newest_first=False)  # fmt: skip
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(rows) == max(1, 100 * MEBIBYTE // every)
        assert most < 40 * MEBIBYTE
        whole = log_lines.text_parts([io.BufferedReader(Endless(20 * MEBIBYTE, every))])
        assert sum(map(len, whole)) == 20 * MEBIBYTE


def test_a_download_is_the_text_alone() -> None:
    log = io.BytesIO(b"".join(mflog(number % 60, "y" * 1000) + b"\n" for number in range(200)))
    parts = list(log_lines.text_parts([log]))
    assert len(parts) > 1
    assert b"".join(parts) == (b"y" * 1000 + b"\n") * 200
