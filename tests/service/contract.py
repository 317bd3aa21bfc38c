"""What the tests of the wire contract share."""

from __future__ import annotations

import json
import time

TEXT = "text/plain; charset=utf-8"
VERSION = "METADATA_SERVICE_VERSION"


def now_ms() -> int:
    """Now as the service writes it."""
    return int(time.time() * 1000)


def database_error(text: str) -> dict[str, object]:
    """The inner object of a database error, which is encoded twice."""
    inner = json.loads(json.loads(text))["err_msg"]
    assert set(inner) == {"pgerror", "pgcode", "diag"}
    assert inner["diag"]["message_primary"]
    assert inner["diag"]["severity"] == "ERROR"
    return dict(inner)
