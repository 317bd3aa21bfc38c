"""Whether a row is one that a subscription asked for: the filters of lists, on one row in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from metaflow_anywhere.database.filters import split_values

Test = Callable[[Mapping[str, Any]], bool]

LONGEST_PATTERN = 200  # characters of a client's regular expression


@dataclass(frozen=True)
class Wanted:
    """A subscription's ``resource``: its ``path`` without the query, and what the query lets through."""

    path: str
    tests: tuple[Test, ...]

    def accepts(self, row: Mapping[str, Any]) -> bool:
        """Whether all filters hold for ``row``; one on a key that the row lacks does not."""
        return all(test(row) for test in self.tests)


def parse_resource(resource: str) -> Wanted:
    """Take a subscription's resource apart. What cannot be understood is ignored, as in lists."""
    parts = urlsplit(resource)
    tests = []
    for key, text in parse_qsl(parts.query):
        name, colon, operator = key.partition(":")
        if name == "_tags":
            tests.append(_tag_test(operator or "all", split_values(text)))
        elif not name.startswith("_"):
            tests.append(_field_test(name, operator if colon else "eq", split_values(text)))
    return Wanted(unquote(parts.path), tuple(test for test in tests if test is not None))


def _tag_test(operator: str, values: list[str]) -> Test | None:
    every = all if operator in ("all", "likeall") else any

    def tags(row: Mapping[str, Any]) -> list[str]:
        return [*(row.get("tags") or ()), *(row.get("system_tags") or ())]

    if operator in ("all", "any"):
        return lambda row: every(value in tags(row) for value in values)
    if operator in ("likeall", "likeany"):
        patterns = [_pattern(value) for value in values]
        return lambda row: every(any(pattern.search(tag) for tag in tags(row)) for pattern in patterns)
    return None


def _pattern(text: str) -> re.Pattern[str]:
    """A client's pattern. One that could take forever, or is none, stands for itself."""
    try:
        # A repeated group is what makes matching exponential.
        plain = len(text) > LONGEST_PATTERN or re.search(r"\)[*+{]", text)
        return re.compile(re.escape(text) if plain else text)
    except re.error:
        return re.compile(re.escape(text))


def _field_test(name: str, operator: str, values: list[str]) -> Test | None:
    compare = COMPARISONS.get(operator)
    if compare is None:
        return None

    def test(row: Mapping[str, Any]) -> bool:
        return name in row and any(compare(row[name], value) for value in values)

    return test


def _ordered(decide: Callable[[int], bool]) -> Callable[[Any, str], bool]:
    """A comparison by order: as numbers where the row has a number, else as text; never with null."""

    def compare(mine: Any, text: str) -> bool:
        if mine is None or isinstance(mine, list):
            return False
        if isinstance(mine, int):
            try:
                other: Any = float(text)
            except ValueError:
                return False
        else:
            mine, other = str(mine), text
        return decide((mine > other) - (mine < other))

    return compare


def _equal(mine: Any, text: str) -> bool:
    return (text == "null") if mine is None else str(mine) == text


def _text(decide: Callable[[str, str], bool]) -> Callable[[Any, str], bool]:
    return lambda mine, text: mine is not None and decide(str(mine).lower(), text.lower())


COMPARISONS: Mapping[str, Callable[[Any, str], bool]] = {
    "eq": _equal,
    "is": _equal,
    "ne": lambda mine, text: not _equal(mine, text),
    "lt": _ordered(lambda sign: sign < 0),
    "le": _ordered(lambda sign: sign <= 0),
    "gt": _ordered(lambda sign: sign > 0),
    "ge": _ordered(lambda sign: sign >= 0),
    "co": _text(lambda mine, text: text in mine),
    "sw": _text(lambda mine, text: mine.startswith(text)),
    "ew": _text(lambda mine, text: mine.endswith(text)),
    "li": lambda mine, text: True,
}
