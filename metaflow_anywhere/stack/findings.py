"""What doctor finds, one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``level`` is ok, note (works, but know this) or bad; ``way_out`` says what to do."""

    level: str
    subject: str
    text: str
    way_out: str = ""
