"""Output that never fails: what a terminal or log cannot show is replaced by what comes near."""

from __future__ import annotations

import codecs
import io
import sys

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


__all__ = ["replace_what_cannot_be_shown"]
