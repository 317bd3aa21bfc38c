"""Output that never fails: what a terminal or log cannot show is replaced by what comes near."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TextIO

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}  # of ECMA-48's SGR
HANDLER = "metaflow-anywhere"
NEAR = {
    "✓": "+", "✗": "x", "·": ".", "…": "...", "→": "->", "←": "<-", "↔": "<->", "×": "x", "–": "-", "—": "-",
    "│": "|", "─": "-", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+",
    "▶": ">", "▼": "v",
}  # fmt: skip


def replace_what_cannot_be_shown() -> None:
    """Have standard output and error write any text, whatever their encoding is."""
    codecs.register_error(HANDLER, _near)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def _near(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":  # a byte of a path that is no text: as it is
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return NEAR.get(character, "?"), error.start + 1


def styled(text: str, style: str, stream: TextIO) -> str:
    """``text`` in ``style`` (words of STYLES) where ``stream`` is a terminal that shows it; else as it is."""
    if not style or not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{';'.join(STYLES[word] for word in style.split())}m{text}\x1b[0m"


__all__ = ["replace_what_cannot_be_shown", "styled"]
