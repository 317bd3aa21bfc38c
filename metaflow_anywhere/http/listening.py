"""Where a program listens, and under which path."""

from __future__ import annotations

import os
import socket

from metaflow_anywhere.database.settings import SettingsError


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 picks a free one. Raises SettingsError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number and number > 0 else str(error)
        raise SettingsError(f"cannot listen on {host} port {port}: {reason}") from None


def path_prefix(text: str) -> str:
    """``PATH_PREFIX`` with one leading and no trailing slash, or empty. Raises SettingsError."""
    if any(character in text for character in "{}?#% "):
        raise SettingsError(f"PATH_PREFIX is {text!r}, and must be a plain path such as /metadata")
    stripped = text.strip("/")
    return f"/{stripped}" if stripped else ""
