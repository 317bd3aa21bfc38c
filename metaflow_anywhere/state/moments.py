"""Times as people and PostgreSQL read them."""

from __future__ import annotations

import datetime
import time


def utc(moment: float) -> str:
    """Epoch seconds as PostgreSQL reads them."""
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).isoformat(" ")


def clock(moment: float) -> str:
    """Epoch seconds for people, in their time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
