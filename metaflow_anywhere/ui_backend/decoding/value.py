"""What became of an artifact that was to be shown."""

from __future__ import annotations

from dataclasses import dataclass

UNREADABLE = "artifact-not-accessible"  # what an artifact's error is called whose file is not there


@dataclass(frozen=True)
class Value:
    """What became of an artifact: its ``text`` (``str`` of the value) and ``json``, or the ``error`` that says why not.

    ``name`` is what clients know an error by. ``json`` is None where the value is too large for it. ``kind`` is the
    value's Python type, where it is known; ``size`` the bytes of its file, None if that cannot be read.
    """

    text: str = ""
    json: str | None = None
    error: str = ""
    name: str = "artifact-not-shown"
    kind: str = ""
    size: int | None = None
