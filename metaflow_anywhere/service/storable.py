"""What JSON can say and PostgreSQL cannot hold, made into what it can.

A NUL and half of a surrogate pair (a file's name that is not UTF-8 has them) become U+FFFD, the character that stands
for what cannot be shown; NaN and infinite numbers become their names. So nothing else of a body is lost for them.
"""

from __future__ import annotations

import json
import re
from typing import Any

REPLACEMENT = "\ufffd"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# In JSON they can only be written like this; what looks like one and is none (an emoji is a whole pair) costs time.
_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|NaN|Infinity|\d[eE]\+?\d{3}")


def storable_text(text: str) -> str:
    """``text`` without what no column can hold."""
    return _UNSTORABLE.sub(REPLACEMENT, text)


def storable_json(body: bytes, document: Any) -> str:
    """The text of ``body``, whose value is ``document``, as PostgreSQL can take it."""
    if _SUSPICIOUS.search(body) is None:
        return body.decode()
    return json.dumps(_storable(document))


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, dict):
        return {storable_text(key): _storable(one) for key, one in value.items()}
    return value
