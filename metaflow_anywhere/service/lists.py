"""Lists: a page for the client that asks for one, or all rows, sent as they are read.

Both are the same question to the database: the next so many rows after a key, newest first. Between two pages of a
long list no connection is held and nothing is kept, so that memory does not grow and a slow reader bothers nobody.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from psycopg import pq, sql

from metaflow_anywhere.database.filters import Condition, Field, FilterError, parse_filters
from metaflow_anywhere.database.ids import LARGEST_NUMBER
from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.service.messages import Call, Reply, bad_request

ROWS_PER_READ = 2000  # about 600 kB: few round trips, little memory
DEFAULT_LIMIT, LARGEST_LIMIT = 50, 500  # of a page the client asked for
EVERYTHING = Condition(sql.Composed([]), {}, frozenset())


class Fetches(Protocol):
    """What the rows of a whole list are asked of: the pool, or what stands before it."""

    async def fetch(self, statement: str, parameters: Mapping[str, Any]) -> pq.abc.PGresult:
        """The result of one statement."""


@dataclass(frozen=True)
class Listing:
    """A list: ``opening`` (the WITH clause or nothing), the rows' ``document``, ``source`` (FROM ... WHERE ...).

    ``keys`` are the columns that give the order, with their SQL types; together they are unique. Descending (newest
    first) unless ``ascending``.
    """

    opening: str
    document: str
    source: str
    keys: tuple[tuple[str, str], ...]
    ascending: bool = False

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The keys' columns."""
        return tuple(name for name, _ in self.keys)

    @cached_property
    def first(self) -> str:
        """The statement that reads the first ``%(limit)s`` rows."""
        return self._statement("")

    @cached_property
    def following(self) -> str:
        """The statement that reads the ``%(limit)s`` rows after the key ``%(after_<column>)s``."""
        return self._statement(self.after)

    @cached_property
    def after(self) -> str:
        """The condition that a row comes after a key."""
        values = ", ".join(f"%(after_{name})s::{kind}" for name, kind in self.keys)
        return f" AND ({', '.join(self.names)}) {'>' if self.ascending else '<'} ({values})"

    def statement(self, condition: Condition, *, following: bool) -> str | sql.Composed:
        """`first` or `following`, of the rows that meet ``condition`` only."""
        if not condition:
            return self.following if following else self.first
        beginning = f"{self.opening} SELECT {self.document}, {', '.join(self.names)} {self.source}"
        ending = (self.after if following else "") + self._ending
        # Both are constants of this package; what a client sent is in parameters.
        return sql.Composed([sql.SQL(beginning), condition.text, sql.SQL(ending)])

    def _statement(self, condition: str) -> str:
        columns = ", ".join(self.names)
        return f"{self.opening} SELECT {self.document}, {columns} {self.source}{condition}{self._ending}"

    @cached_property
    def _ending(self) -> str:
        direction = "ASC" if self.ascending else "DESC"
        return f" ORDER BY {', '.join(f'{name} {direction}' for name in self.names)} LIMIT %(limit)s::bigint"


@dataclass(frozen=True)
class Page:
    """The page a client asked for: at most ``limit`` rows after the key ``after`` (None: from the start)."""

    limit: int
    after: Mapping[str, Any] | None


def asks_for_page(call: Call) -> bool:
    """Whether there is a ``_limit`` or a ``_cursor``."""
    return any(name in ("_limit", "_cursor") for name, _ in call.query)


def _page(call: Call, listing: Listing) -> Page:
    """What ``_limit`` and ``_cursor`` say. Raises a 400."""
    asked = dict(call.query)
    text = asked.get("_limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise bad_request("_limit must be a positive integer")
    after = _decode_cursor(asked["_cursor"], listing) if "_cursor" in asked else None
    return Page(min(int(text[:9]), LARGEST_LIMIT), after)


def parse_condition(call: Call, fields: Mapping[str, Field], *, tags: str) -> Condition:
    """What the query's filters ask for; ``tags``: the SQL expression that ``_tags`` is about. Raises a 400."""
    try:
        return parse_filters(call.query, fields, tags=tags)
    except FilterError as error:
        raise bad_request(str(error)) from None


async def send_list(
    call: Call,
    listing: Listing,
    parameters: Mapping[str, Any],
    condition: Condition = EVERYTHING,
    *,
    whole: Listing | None = None,
) -> Reply:
    """A page if one was asked for, else everything (in the order of ``whole``, if given)."""
    if asks_for_page(call):
        return await send_page(call, listing, parameters, condition)
    return await send_all(call.pool, whole or listing, parameters, condition)


async def send_page(call: Call, listing: Listing, parameters: Mapping[str, Any], condition: Condition) -> Reply:
    """One page, with the headers that lead to the next."""
    page = _page(call, listing)
    after = {f"after_{name}": value for name, value in (page.after or {}).items()}
    statement = listing.statement(condition, following=page.after is not None)
    limit = {"limit": str(page.limit + 1)}
    rows = await _read(call.pool, statement, {**parameters, **condition.parameters, **after, **limit})
    count = min(rows.ntuples, page.limit)
    headers = {"X-Limit": str(page.limit)}
    if rows.ntuples > page.limit:
        headers["X-Next-Cursor"] = _encode_cursor(listing, rows, count - 1)
    return Reply(b"[" + _joined(rows, count) + b"]", headers=headers)


async def send_all(
    pool: Fetches, listing: Listing, parameters: Mapping[str, Any], condition: Condition = EVERYTHING
) -> Reply:
    """All rows: in one piece if they fit in one read, else in chunks."""
    values = {**parameters, **condition.parameters, "limit": str(ROWS_PER_READ)}
    rows = await _read(pool, listing.statement(condition, following=False), values)
    if rows.ntuples < ROWS_PER_READ:
        return Reply(b"[" + _joined(rows, rows.ntuples) + b"]")
    return Reply(chunks=_all_chunks(pool, listing, values, condition, rows))


async def _all_chunks(
    pool: Fetches, listing: Listing, values: Mapping[str, Any], condition: Condition, rows: pq.abc.PGresult
) -> AsyncIterator[bytes]:
    opening = b"["
    while rows.ntuples:
        yield opening + _joined(rows, rows.ntuples)
        if rows.ntuples < ROWS_PER_READ:
            break
        opening = b","
        after = {f"after_{name}": value for name, value in _key(listing, rows, rows.ntuples - 1).items()}
        rows = await _read(pool, listing.statement(condition, following=True), {**values, **after})
    yield b"]"


async def _read(pool: Fetches, statement: str | sql.Composed, parameters: Mapping[str, Any]) -> pq.abc.PGresult:
    """The raw rows: the document is the first column, the keys follow."""
    if isinstance(statement, str):
        return await pool.fetch(statement, parameters)
    assert isinstance(pool, Pool)  # what stands before one is asked for constant statements only
    async with pool.connection() as connection:
        # A statement with filters has too many forms to keep each prepared.
        cursor = await connection.execute(statement, parameters, prepare=False)
        result = cursor.pgresult
    assert result is not None
    return result


def _joined(rows: pq.abc.PGresult, count: int) -> bytes:
    value = rows.get_value
    return b",".join([value(row, 0) or b"" for row in range(count)])


def _key(listing: Listing, rows: pq.abc.PGresult, row: int) -> dict[str, str]:
    """The key of a row, as text."""
    return {name: (rows.get_value(row, place) or b"").decode() for place, name in enumerate(listing.names, start=1)}


def _encode_cursor(listing: Listing, rows: pq.abc.PGresult, row: int) -> str:
    texts = _key(listing, rows, row)
    key = {name: texts[name] if kind == "text" else int(texts[name]) for name, kind in listing.keys}
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _decode_cursor(text: str, listing: Listing) -> dict[str, str]:
    """The key in a cursor, which may come from an official service. Raises a 400."""
    try:
        # urlsafe_b64decode would skip what is not of its alphabet
        key = json.loads(
            base64.b64decode(text.encode(), altchars=b"-_" if set(text) & set("-_") else None, validate=True)
        )
        return {name: _key_text(key[name], kind) for name, kind in listing.keys}
    except (binascii.Error, ValueError, LookupError, TypeError, RecursionError):
        raise bad_request("Invalid cursor") from None


def _key_text(value: object, kind: str) -> str:
    if kind == "text":
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(value)
        value.encode()  # a lone surrogate is no text
        return value
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST_NUMBER:
        raise ValueError(value)
    return str(value)
