"""The time zones of this machine, read before a process is confined: after that no file can be opened."""

from __future__ import annotations

import contextlib
import zoneinfo

ZONES: dict[str, zoneinfo.ZoneInfo] = {}


def load() -> None:
    """Read all that there are; where there are none, times are shown with a stand-in for their zone."""
    with contextlib.suppress(OSError):
        for name in zoneinfo.available_timezones():
            with contextlib.suppress(OSError, ValueError):
                ZONES[name] = zoneinfo.ZoneInfo(name)
