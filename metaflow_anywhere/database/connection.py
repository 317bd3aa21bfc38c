"""A connection to PostgreSQL with a short way for what every request does: run one prepared statement, once.

A cursor of psycopg's converts values, keeps statements and waits in ways that serve everybody, and takes five times
the CPU of the few calls of libpq that are needed here (measured: 65 µs a statement, and 13).
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Mapping
from typing import TypeAlias

import psycopg
from psycopg import AsyncConnection, errors, pq
from psycopg.rows import TupleRow

Value: TypeAlias = "str | bool | None"
FAILED = {pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE}
PARAMETER = re.compile(r"%\((\w+)\)s|%%")


class Connection(AsyncConnection[TupleRow]):
    """psycopg's connection, and `fetch`. The two must take turns: `unwatch` comes before anything of psycopg's."""

    def __init__(self, pgconn: pq.abc.PGconn) -> None:
        super().__init__(pgconn)
        self._fetch_names: dict[str, bytes] = {}
        self._fetch_watched: int | None = None  # kept: libpq forgets (and closes) its socket at the server's farewell
        self._fetch_answer: asyncio.Future[pq.abc.PGresult] | None = None
        self._fetch_result: pq.abc.PGresult | None = None

    async def fetch(self, statement: str, parameters: Mapping[str, Value]) -> pq.abc.PGresult:
        """The result of a statement with ``%(name)s`` for parameters; all values go and come as text.

        Raises psycopg.Error as a cursor would. If it is given up half-way the connection cannot be used any more.
        """
        text, names = _numbered(statement)
        values = [_encoded(parameters[name]) for name in names]
        name = self._fetch_names.get(statement)
        if name is None:
            name = b"anywhere_%d" % len(self._fetch_names)
            self.pgconn.send_prepare(name, text)
            await self._result_of_sent()
            self._fetch_names[statement] = name
        self.pgconn.send_query_prepared(name, values)
        return await self._result_of_sent()

    def _watch(self) -> None:
        if self._fetch_watched is None:  # once, and not at every statement: that costs two system calls
            self._fetch_watched = self.pgconn.socket
            asyncio.get_running_loop().add_reader(self._fetch_watched, self._readable)

    def unwatch(self) -> None:
        """Leave the socket to others: to psycopg's own ways of waiting, or to whoever closes it."""
        if self._fetch_watched is not None:
            asyncio.get_running_loop().remove_reader(self._fetch_watched)
            self._fetch_watched = None

    async def _result_of_sent(self) -> pq.abc.PGresult:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[pq.abc.PGresult] = loop.create_future()
        self._fetch_answer = answer
        self._watch()
        if self.pgconn.flush():
            await self._flushed(loop)
        result = await answer
        if result.status in FAILED:
            raise errors.error_from_result(result)
        return result

    async def _flushed(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send what did not fit into the socket at once."""
        while self.pgconn.flush():
            writable = loop.create_future()
            socket = self.pgconn.socket
            loop.add_writer(socket, _done, writable)
            try:
                await writable
            finally:
                loop.remove_writer(socket)

    def _readable(self) -> None:
        """Take what the server sent: the answer that is waited for, a part of it, or its farewell."""
        pgconn, answer, whole = self.pgconn, self._fetch_answer, False
        try:
            pgconn.consume_input()
            while not whole and not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    whole = True
                else:
                    self._fetch_result = result
        except psycopg.Error as error:
            self.unwatch()
            if answer is not None and not answer.done():
                answer.set_exception(error)
            return
        if whole and self._fetch_result is not None and answer is not None:
            if not answer.done():
                answer.set_result(self._fetch_result)
            self._fetch_answer = self._fetch_result = None
            return
        # Not all of it. Watched anew, because uvloop stops watching a socket whose other end was reset, even if there
        # is still something to read: what was read now may be the server's last words.
        self.unwatch()
        self._watch()


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _encoded(value: Value) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return b"t" if value else b"f"
    data = value.encode()
    if b"\0" in data:  # libpq would send what is before it
        raise psycopg.DataError("text may not contain the character NUL")
    return data


@functools.cache  # statements are constants of the program
def _numbered(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement as PostgreSQL takes it, with ``$1``, and which parameter is which."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${names.setdefault(found[1], len(names) + 1)}" if found[1] else "%"

    return PARAMETER.sub(number, statement).encode(), tuple(names)
