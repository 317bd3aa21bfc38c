"""JSON that every reader takes: Python also writes NaN and Infinity, and browsers then refuse the whole document."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any


def encoded(
    document: object, separators: tuple[str, str] | None = None, default: Callable[[Any], Any] | None = None
) -> bytes:
    """``document`` as JSON, with null for numbers that are none."""
    try:
        text = json.dumps(document, allow_nan=False, separators=separators, default=default)
    except ValueError:
        text = json.dumps(_finite(document), allow_nan=False, separators=separators, default=default)
    return text.encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
