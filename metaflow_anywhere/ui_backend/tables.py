"""Lists as SQL: one table with what is derived from others, filtered, ordered, paged and grouped in one statement.

What a page costs must not grow with the table: columns that are derived from other tables (a status, say) are computed
for the rows of the page only, unless the request filters or sorts by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from psycopg import sql

from metaflow_anywhere.database.filters import Field
from metaflow_anywhere.database.ids import parse_id
from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.ui_backend.asked import Asked, Order

RUN = """run AS (
    SELECT run_number, run_id, tags, system_tags, last_heartbeat_ts FROM runs_v3
    WHERE flow_id = %(flow)s AND run_number = coalesce(%(run_number)s::bigint,
        (SELECT run_number FROM runs_v3 WHERE flow_id = %(flow)s AND run_id = %(run_id)s))
)"""
# Scalar subqueries instead of a join: the order of an index of the other table stays usable.
IN_RUN = "flow_id = %(flow)s AND run_number = (SELECT run_number FROM run)"
TASK_ID = """coalesce(%(task_id)s::bigint,
    (SELECT task_id FROM tasks_v3 WHERE flow_id = %(flow)s AND run_number = (SELECT run_number FROM run)
        AND step_name = %(step)s AND task_name = %(task_name)s))"""
IN_STEP = f"{IN_RUN} AND step_name = %(step)s"
IN_TASK = f"{IN_STEP} AND task_id = {TASK_ID}"
RUN_TAGS = "(SELECT tags FROM run) AS tags, (SELECT system_tags FROM run) AS system_tags"


Part: TypeAlias = "str | sql.Composable"  # a constant of ours, or what was composed from a request


@dataclass(frozen=True)
class Table:
    """A kind of row.

    ``base`` is a SELECT of what needs no other table (its columns are ``fields``), ``derived`` says what else there is.
    ``joins`` derive it from ``page r``, the rows of the page; ``opening`` are WITH clauses before the page, and
    ``between`` those that need it. ``columns`` make the row, in order. ``keys`` together are unique.
    """

    base: str
    fields: Mapping[str, Field]
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    opening: str = ""
    derived: Mapping[str, Field] = field(default_factory=dict)
    derivations: Mapping[str, str] = field(default_factory=dict)
    between: str = ""
    joins: str = ""
    order: tuple[Order, ...] = (Order("ts_epoch", descending=True),)
    leaping: frozenset[str] = frozenset()  # columns that an index leads from group to group by
    # What holds of base rows ``b`` whose derived field has this value: saves deriving it for all others.
    implied: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @cached_property
    def known(self) -> Mapping[str, Field]:
        """Everything that may be filtered and sorted by."""
        return {**self.fields, **self.derived}

    @cached_property
    def _row(self) -> str:
        """The SELECT of whole rows from ``page r``."""
        columns = [f"{self.derivations.get(name, 'r.' + _quoted(name))} AS {_quoted(name)}" for name in self.columns]
        extra = [f"r.{_quoted(key)}" for key in self.keys if key not in self.columns]
        return f"SELECT {', '.join(columns + extra)} FROM page AS r {self.joins}"

    @cached_property
    def _document(self) -> str:
        return (
            f"row_to_json((SELECT one FROM (SELECT {', '.join('x.' + _quoted(c) for c in self.columns)}) AS one))::text"
        )

    def one(self, condition: str = "true") -> sql.Composed:
        """The statement that reads the rows that meet ``condition`` (a constant), in the table's order."""
        return self._statement(
            [f"SELECT * FROM ({self.base}) AS b WHERE {condition}"],
            [f"SELECT {self._document} FROM ({self._row}) AS x {_order_by(self.order, self.keys)}"],
        )

    def listing(self, asked: Asked) -> sql.Composed:
        """The statement for a list request."""
        order = _order_by(asked.order, self.keys)
        implied = [self.implied[item] for item in asked.exactly.items() if item in self.implied]
        base = f"SELECT * FROM ({self.base}) AS b WHERE {' AND '.join(['true', *implied])}"
        first = self._base_order(asked)
        derived = self._needs_derived(asked)
        if asked.groups:
            rows = f"({self._row})" if derived else f"({self.base})"
            leaps = len(asked.groups) == 1 and asked.groups[0] in self.leaping
            within = order if derived else first
            groups = (self._leaping if leaps else self._ranked)(asked, rows, within)
            order = f"ORDER BY {', '.join(_quoted(name) + ' NULLS LAST' for name in asked.groups)}, {order[9:]}"
            if not derived:
                return self._statement(groups, [f"SELECT {self._document} FROM ({self._row}) AS x {order}"])
            return self._statement([base], [f"SELECT {self._document} FROM (", *groups, f") AS x {order}"])
        ending = f"{order} LIMIT {asked.limit} OFFSET {asked.offset}"
        chosen: list[Part] = [base, asked.condition.text]
        if not derived:
            # Every base row makes at least one row, so the first rows are made of the first base rows.
            chosen.append(f" {first} LIMIT {asked.limit + asked.offset}")
        elif not {one.column for one in asked.order} & set(self.derived):
            # In order before anything is derived, so that deriving ends when the page is full.
            chosen.append(f" {first} OFFSET 0")
        page: list[Part] = [f"SELECT * FROM ({self._row}) AS y WHERE true", asked.late.text, f" {ending}"]
        return self._statement(chosen, [f"SELECT {self._document} FROM (", *page, f") AS x {order}"])

    def _statement(self, page: list[Part], rest: list[Part]) -> sql.Composed:
        kind = "MATERIALIZED" if self.between else "NOT MATERIALIZED"  # of what is read more than once
        opening = f"WITH RECURSIVE {self.opening + ', ' if self.opening else ''}page AS {kind} ("
        between = f"), {self.between} " if self.between else ") "
        parts = [opening, *page, between, *rest]
        return sql.Composed([sql.SQL(part) if isinstance(part, str) else part for part in parts])

    def _base_order(self, asked: Asked) -> str:
        """The order as far as the table itself goes; empty if it begins with what is derived."""
        if not asked.order or asked.order[0].column in self.derived:
            return ""
        known = tuple(one for one in asked.order if one.column in self.fields)
        return _order_by(known, tuple(key for key in self.keys if key in self.fields))

    def _needs_derived(self, asked: Asked) -> bool:
        used = {*asked.groups, *(one.column for one in asked.order)}
        return bool(asked.late) or not used.isdisjoint(self.derived)

    def _ranked(self, asked: Asked, rows: str, order: str) -> list[Part]:
        """The first rows of each group of a page of groups, by looking at all rows."""
        groups = ", ".join(_quoted(name) for name in asked.groups)
        return [
            f"SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY {groups} {order})"
            f" AS place, dense_rank() OVER (ORDER BY {groups}) AS nth FROM {rows} AS y WHERE true",
            *_filters(asked),
            f") AS ranked WHERE place <= {asked.group_limit}"
            f" AND nth > {asked.offset} AND nth <= {asked.offset + asked.limit}",
        ]

    def _leaping(self, asked: Asked, rows: str, order: str) -> list[Part]:
        """The same, found by leaping from one group to the next along an index: the table's size does not matter."""
        name = _quoted(asked.groups[0])
        condition = sql.Composed(_filters(asked))
        some = f"SELECT {name} FROM {rows} AS y WHERE {name}"
        next_one = f"ORDER BY {name} LIMIT 1"
        few = f"{order} LIMIT {asked.group_limit})"
        return [
            f"SELECT few.* FROM (SELECT g FROM (WITH RECURSIVE leap AS (({some} IS NOT NULL", condition,
            f" {next_one}) UNION ALL SELECT ({some} > leap.{name}", condition, f" {next_one})"
            f" FROM leap WHERE leap.{name} IS NOT NULL)"
            f" SELECT {name} AS g FROM leap WHERE {name} IS NOT NULL"
            f" UNION ALL SELECT NULL WHERE EXISTS ({some} IS NULL", condition,
            f")) AS every LIMIT {asked.limit} OFFSET {asked.offset}) AS chosen CROSS JOIN LATERAL ("
            f"(SELECT * FROM {rows} AS y WHERE g IS NOT NULL AND {name} = g", condition, f" {few} UNION ALL "
            f"(SELECT * FROM {rows} AS y WHERE g IS NULL AND {name} IS NULL", condition, f" {few}) AS few",
        ]  # fmt: skip


def address(parts: Mapping[str, str]) -> dict[str, Any]:
    """A path's parts as query parameters, under the names that all statements use."""
    found: dict[str, Any] = {"flow": parts.get("flow")}
    if "run" in parts:
        found["run_number"], found["run_id"] = parse_id(parts["run"])
    if "step" in parts:
        found["step"] = parts["step"]
    if "task" in parts:
        found["task_id"], found["task_name"] = parse_id(parts["task"])
    return found


async def read(
    pool: Pool,
    statement: str | sql.Composed,
    parameters: Mapping[str, Any],
    *,
    prepare: bool = True,
    seconds: float | None = None,
) -> list[bytes]:
    """The first column of every row, as PostgreSQL sent it. Raises psycopg.Error, Unavailable.

    ``seconds``: how long it may take, if that is less than statements may.
    """
    async with pool.connection() as connection:
        if seconds is None or seconds >= pool.statement_seconds:
            cursor = await connection.execute(statement, parameters, prepare=prepare)
        else:
            async with connection.transaction():
                limit = {"milliseconds": str(int(seconds * 1000))}
                await connection.execute("SELECT set_config('statement_timeout', %(milliseconds)s, true)", limit)
                cursor = await connection.execute(statement, parameters, prepare=prepare)
        result = cursor.pgresult
    assert result is not None
    value = result.get_value
    return [value(row, 0) or b"null" for row in range(result.ntuples)]


def _filters(asked: Asked) -> list[sql.Composed]:
    """All filters, on rows of whatever kind."""
    return [asked.condition.text, asked.late.text]


def _order_by(order: tuple[Order, ...], keys: tuple[str, ...]) -> str:
    """With the keys behind, in the direction of the first column, so that pages neither repeat nor miss a row."""
    whole = [*order, *(Order(key, order[0].descending) for key in keys if key not in {one.column for one in order})]
    return "ORDER BY " + ", ".join(f"{_quoted(one.column)} {'DESC' if one.descending else 'ASC'}" for one in whole)


def _quoted(name: str) -> str:
    """A column's name; all are constants of ours, and one (``user``) is a word of SQL."""
    return f'"{name}"'
