"""Lines of logs: merged by time, in pages from either end, whatever state the files are in."""

from __future__ import annotations

import io
import json
from typing import Any

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


def test_a_line_without_end_does_not_fill_memory() -> None:
    assert len(lines(b"x" * (3 * 2**20))) == 3


def test_a_download_is_the_text_alone() -> None:
    log = io.BytesIO(b"".join(mflog(number % 60, "y" * 1000) + b"\n" for number in range(200)))
    parts = list(log_lines.text_parts([log]))
    assert len(parts) > 1
    assert b"".join(parts) == (b"y" * 1000 + b"\n") * 200
