"""Clients' regular expressions, matched in a time that grows with the text and not with the powers of the pattern.

RE2 does not backtrack. Its syntax is Python's without back-references and looking around; what it does not understand
stands for itself, and so does every pattern where its wheel is not installed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

try:
    import re2
except ImportError:  # no wheel for this platform
    re2 = None

LONGEST_PATTERN = 200  # characters
PATTERN_BYTES = 256 * 1024  # of RE2's memory for one
KEPT_PATTERNS = 128  # compiled; with more in use they are compiled anew at each event, and memory stays bounded


def matches(pattern: str, text: str) -> bool:
    """Whether ``pattern`` is found anywhere in ``text``."""
    return _compiled(pattern)(text)


@lru_cache(KEPT_PATTERNS)
def _compiled(pattern: str) -> Callable[[str], bool]:
    if re2 is not None and len(pattern) <= LONGEST_PATTERN:
        options: Any = re2.Options()
        options.max_mem = PATTERN_BYTES
        options.log_errors = False
        try:
            found = re2.compile(pattern, options)
        except re2.error:
            pass
        else:
            return lambda text: found.search(text) is not None
    return lambda text: pattern in text
