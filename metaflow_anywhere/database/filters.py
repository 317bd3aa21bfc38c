"""The filter grammar of list queries (``field:operator=value``), turned into an SQL condition.

Comma-separated values are alternatives (`split_values` says how a value holds a comma); several parameters must all
hold; the value ``null`` is SQL's NULL. Fields that a list does not know are ignored, as clients expect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from metaflow_anywhere.database.ids import LARGEST_NUMBER

COMPARISONS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
PATTERNS: Mapping[str, Callable[[str], str]] = {
    "co": lambda value: f"%{_literally(value)}%",
    "sw": lambda value: f"{_literally(value)}%",
    "ew": lambda value: f"%{_literally(value)}",
    "li": lambda value: value,
}
ALL_TAGS = "(tags || system_tags)"  # as the index on it is written
NULL = "null"
_SEPARATOR = re.compile(r"(\\*)(,)")


class FilterError(ValueError):
    """A filter that makes no sense; the text is one sentence for the client."""


@dataclass(frozen=True)
class Field:
    """What a list can be filtered by: an SQL ``expression`` (a constant of ours), and what its values are.

    ``choices`` are the only values such a field can be compared with, if given.
    """

    expression: str
    kind: Literal["text", "integer"] = "text"
    choices: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Condition:
    """``text`` begins with AND, or is empty; ``parameters`` are its values; ``fields`` the names it looks at."""

    text: sql.Composed
    parameters: Mapping[str, str]
    fields: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.fields)


def split_values(text: str) -> list[str]:
    r"""The values of a comma-separated list; ``\,`` is a comma of a value.

    Backslashes mean something directly before a comma only: there two stand for one, so that ``a\\,b`` is the value
    ``a\`` and then ``b``. Everywhere else they are what they are (``CORP\ann``), as in lists of an official service.
    """
    values = [""]
    place = 0
    for found in _SEPARATOR.finditer(text):
        slashes = len(found[1])
        values[-1] += text[place : found.start()] + "\\" * (slashes // 2)
        if slashes % 2:
            values[-1] += ","
        else:
            values.append("")
        place = found.end()
    values[-1] += text[place:]
    return values


def parse_filters(
    query: Iterable[tuple[str, str]], fields: Mapping[str, Field], *, tags: str = "", prefix: str = "filter"
) -> Condition:
    """The condition that ``query`` asks for; with ``tags``, an SQL expression of a JSON array, also ``_tags`` on that.

    Parameters are called ``prefix`` and a number. Raises FilterError.
    """
    parts: list[sql.Composable] = []
    parameters: dict[str, str] = {}
    used = set()

    def parameter(value: str) -> sql.Composable:
        if "\0" in value:
            raise FilterError("a filter may not contain the character NUL")
        name = f"{prefix}_{len(parameters)}"
        parameters[name] = value
        return sql.Placeholder(name)

    for key, text in query:
        name, _, operator = key.partition(":")
        if tags and name == "_tags":
            alternatives = _tag_condition(tags, operator if ":" in key else "all", split_values(text), parameter)
        elif name in fields:
            compare = operator if ":" in key else "eq"
            options = [_comparison(name, fields[name], compare, value, parameter) for value in split_values(text)]
            alternatives = sql.SQL(" OR ").join(options)
        else:
            continue
        used.add(name)
        parts += [sql.SQL(" AND ("), alternatives, sql.SQL(")")]
    return Condition(sql.Composed(parts), parameters, frozenset(used))


Parameter = Callable[[str], sql.Composable]


def _comparison(name: str, field: Field, operator: str, value: str, parameter: Parameter) -> sql.Composable:
    # The expressions are constants of this package; nothing of a client's gets into them.
    expression = sql.SQL(field.expression)
    if operator not in COMPARISONS and operator not in PATTERNS and operator != "is":
        raise FilterError(f"unsupported operator: {operator}")
    if field.choices:
        if operator not in ("eq", "ne") or value not in field.choices:
            raise FilterError(f"unsupported {name} filter: {value if operator in ('eq', 'ne') else operator}")
    elif value == NULL and operator in ("eq", "is"):
        return sql.Composed([expression, sql.SQL(" IS NULL")])
    elif value == NULL and operator == "ne":
        return sql.Composed([expression, sql.SQL(" IS NOT NULL")])
    if operator in PATTERNS:
        pattern = parameter(PATTERNS[operator](value))
        return sql.Composed([sql.SQL("("), expression, sql.SQL(")::text ILIKE "), pattern, sql.SQL("::text")])
    if field.kind == "integer":
        _check_integer(name, value)
    symbol = sql.SQL(f" {COMPARISONS.get(operator, 'IS NOT DISTINCT FROM')} ")
    cast = sql.SQL("::bigint" if field.kind == "integer" else "::text")
    return sql.Composed([expression, symbol, parameter(value), cast])


def _check_integer(name: str, value: str) -> None:
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise FilterError(f"{name} must be an integer")
    if len(digits) > 19 or int(digits) > LARGEST_NUMBER:
        raise FilterError(f"{name} is too large")


def _tag_condition(of: str, operator: str, values: list[str], parameter: Parameter) -> sql.Composable:
    """All or any of the tags themselves, or of parts of them."""
    if operator in ("all", "any"):
        symbol = "?&" if operator == "all" else "?|"
        tags = sql.SQL(", ").join([sql.Composed([parameter(value), sql.SQL("::text")]) for value in values])
        return sql.Composed([sql.SQL(f"{of} {symbol} ARRAY["), tags, sql.SQL("]")])
    if operator in ("likeall", "likeany"):
        both = sql.SQL(" AND " if operator == "likeall" else " OR ")
        return both.join(
            [
                sql.Composed([sql.SQL(f"{of}::text LIKE "), parameter(f"%{_literally(value)}%"), sql.SQL("::text")])
                for value in values
            ]
        )
    raise FilterError(f"unsupported operator: {operator}")


def _literally(value: str) -> str:
    """``value`` as a part of a LIKE pattern that matches just it."""
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
