"""What a list request asks for: page, order, groups and filters, each checked against what the list knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from metaflow_anywhere.database.filters import (
    ALL_TAGS,
    COMPARISONS,
    PATTERNS,
    Condition,
    Field,
    parse_filters,
    split_values,
)

DEFAULT_LIMIT, LARGEST_LIMIT = 10, 1000
LARGEST_OFFSET = 2**40  # more rows than a database of runs will ever have
TAG_OPERATORS = frozenset({"all", "any", "likeall", "likeany"})
FIELD_OPERATORS = frozenset({*COMPARISONS, *PATTERNS, "is"})

Query = list[tuple[str, str]]


@dataclass(frozen=True)
class Order:
    """One column to sort by."""

    column: str
    descending: bool


@dataclass(frozen=True)
class Asked:
    """A list request, taken apart: ``condition`` filters a table itself, ``late`` what is derived."""

    page: int
    limit: int
    order: tuple[Order, ...]
    groups: tuple[str, ...]
    group_limit: int
    condition: Condition
    late: Condition
    exactly: Mapping[str, str]  # derived fields that may have one value only

    @property
    def parameters(self) -> dict[str, str]:
        """The values of all filters."""
        return {**self.condition.parameters, **self.late.parameters}

    @property
    def offset(self) -> int:
        """How many rows, or groups, come before this page."""
        return (self.page - 1) * self.limit


def parse(
    query: Query,
    fields: Mapping[str, Field],
    default: tuple[Order, ...],
    *,
    derived: Mapping[str, Field] = MappingProxyType({}),
    tags: bool = False,
) -> Asked:
    """The request for a list of ``fields`` and ``derived`` ones. What it does not know is ignored, as clients expect.

    Raises FilterError for a value that its field cannot be compared with.
    """
    named = dict(reversed(query))
    limit = bounded(named.get("_limit"), DEFAULT_LIMIT, LARGEST_LIMIT)
    return Asked(
        page=bounded(named.get("_page"), 1, LARGEST_OFFSET // limit),
        limit=limit,
        order=_order(named.get("_order", ""), {**fields, **derived}) or default,
        groups=tuple(name for name in named.get("_group", "").split(",") if name in fields or name in derived),
        group_limit=bounded(named.get("_group_limit"), DEFAULT_LIMIT, LARGEST_LIMIT),
        condition=parse_filters(_known(query), fields, tags=ALL_TAGS if tags else ""),
        late=parse_filters(_known(query), derived, prefix="late"),
        exactly={
            name: value
            for key, value in query
            if (name := key.removesuffix(":eq")) in derived and split_values(value) == [value]
        },
    )


def bounded(text: str | None, default: int, largest: int) -> int:
    """A positive number of the query; what is none becomes the default."""
    if text is None or not (text.isascii() and text.isdigit()) or not text.strip("0"):
        return default
    return min(int(text[:15]), largest)


def _order(text: str, fields: Mapping[str, Field]) -> tuple[Order, ...]:
    """``[+|-]column,...``; without a sign descending."""
    wanted = []
    for item in text.split(","):
        column = item.lstrip("+- ")  # a plus that was not encoded arrives as a blank
        if column in fields:
            wanted.append(Order(column, descending=not item.startswith(("+", " "))))
    return tuple(wanted)


def _known(query: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for key, value in query:
        name, colon, operator = key.partition(":")
        if not colon or operator in (TAG_OPERATORS if name == "_tags" else FIELD_OPERATORS):
            yield key, value
