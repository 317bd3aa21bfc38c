"""Whether a row is one that a subscription asked for: the filters of lists, on one row in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from metaflow_anywhere.database.filters import split_values
from metaflow_anywhere.ui_backend.live.patterns import matches

Test = Callable[[Mapping[str, Any]], bool]

LONGEST_PATH = 2000  # characters; four ids of at most 255 and what is between them
LONGEST_QUERY = 8000  # characters; servers take about as much of a URL
FILTER_VALUES = 200  # of one subscription, each compared with every row
FILTER_PATTERNS = 20


class Refused(ValueError):
    """A subscription that is not taken; the text is one sentence for its client."""


@dataclass(frozen=True)
class Wanted:
    """A subscription's ``resource``: its ``path`` without the query, and what the query lets through."""

    path: str
    tests: tuple[Test, ...]

    def accepts(self, row: Mapping[str, Any]) -> bool:
        """Whether all filters hold for ``row``; one on a key that the row lacks does not."""
        return all(test(row) for test in self.tests)


def parse_resource(resource: str) -> Wanted:
    """Take a subscription's resource apart. Filters that are not understood are ignored, as in lists.

    Raises Refused.
    """
    path, query = _split(resource)
    tests = []
    values = patterns = 0
    for key, text in query:
        name, colon, operator = key.partition(":")
        if name != "_tags" and name.startswith("_"):
            continue
        values += len(split_values(text))
        patterns += len(split_values(text)) if operator.startswith("like") else 0
        if values > FILTER_VALUES or patterns > FILTER_PATTERNS:
            raise Refused(f"its filters have more than {FILTER_VALUES} values or {FILTER_PATTERNS} patterns")
        if name == "_tags":
            tests.append(_tag_test(operator or "all", split_values(text)))
        else:
            tests.append(_field_test(name, operator if colon else "eq", split_values(text)))
    return Wanted(path, tuple(test for test in tests if test is not None))


def _split(resource: str) -> tuple[str, list[tuple[str, str]]]:
    """The path and the query's items, where they are something that a row could be found by."""
    if len(resource) > 3 * LONGEST_PATH + LONGEST_QUERY:
        raise Refused("it is too long")
    try:
        parts = urlsplit(resource)
        path, query = unquote(parts.path), parse_qsl(parts.query)
        resource.encode()
    except UnicodeEncodeError:
        raise Refused("it is not text") from None
    except ValueError:
        raise Refused("it is no path") from None
    if "\0" in path:
        raise Refused("its path has a NUL")
    if len(path) > LONGEST_PATH or len(parts.query) > LONGEST_QUERY:
        raise Refused(f"its path is longer than {LONGEST_PATH} characters, or its query than {LONGEST_QUERY}")
    return path, query


def _tag_test(operator: str, values: list[str]) -> Test | None:
    every = all if operator in ("all", "likeall") else any

    def tags(row: Mapping[str, Any]) -> list[str]:
        return [*(row.get("tags") or ()), *(row.get("system_tags") or ())]

    if operator in ("all", "any"):
        return lambda row: every(value in tags(row) for value in values)
    if operator in ("likeall", "likeany"):
        return lambda row: every(any(matches(value, tag) for tag in tags(row)) for value in values)
    return None


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
