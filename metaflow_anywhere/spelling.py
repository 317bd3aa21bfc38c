"""Which word was meant by one that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(word: str, words: Iterable[str]) -> str | None:
    """The one of ``words`` that is like ``word``: the same letters count most, then the same beginning."""
    found = difflib.get_close_matches(word, list(words), n=5)
    found.sort(key=lambda one: (sorted(one) != sorted(word), one[:1] != word[:1]))  # stable: the likest first
    return found[0] if found else None
