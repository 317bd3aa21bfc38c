"""The questions that the mirror asks a running PostgreSQL, over one superuser connection that comes back by itself."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from metaflow_anywhere.later import psycopg
from metaflow_anywhere.postgres.sessions import guarded
from metaflow_anywhere.state.lsn import Segments, format_lsn, parse_lsn

SLOT = "anywhere_mirror"  # holds back the log that is not mirrored yet; bounded by max_slot_wal_keep_size


class ServerGone(Exception):
    """The database does not answer now; the text is its reason."""


@dataclass(frozen=True)
class Identity:
    """What never changes within one incarnation, and its PostgreSQL's version number (180006)."""

    system: str
    timeline: int
    segments: Segments
    postgres: int


class Server:
    """The server at ``conninfo`` (a libpq connection string of a superuser). Not for several threads at once."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self._connection: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        """Let go of the connection; the next question opens another."""
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def identity(self) -> Identity:
        """Who the server is. The timeline comes from the log's name: the control file may lag behind a promotion."""
        row = self._row(
            "SELECT s.system_identifier, pg_walfile_name(pg_current_wal_lsn()), g.setting::bigint"
            " FROM pg_control_system() s, pg_settings g WHERE g.name = 'wal_segment_size'"
        )
        assert self._connection is not None
        return Identity(str(row[0]), int(row[1][:8], 16), Segments(int(row[2])), self._connection.info.server_version)

    def flushed(self) -> int:
        """The position up to which the log is on disk, and thus will never change."""
        return parse_lsn(self._row("SELECT pg_current_wal_flush_lsn()::text")[0])

    def everything_is_flushed(self) -> bool:
        """Whether nothing is written that is not on disk yet (of which the kernel's events will not tell again)."""
        return bool(self._row("SELECT pg_current_wal_lsn() <= pg_current_wal_flush_lsn()")[0])

    def slot_position(self) -> int | None:
        """From where on the log is held back for us; None if there is no slot or it gave up."""
        row = self._row(
            "SELECT (SELECT restart_lsn::text FROM pg_replication_slots WHERE slot_name = %s AND wal_status <> 'lost')",
            SLOT,
        )
        return parse_lsn(row[0]) if row[0] else None

    def make_slot(self) -> int:
        """Have the log held back from now on; returns from where."""
        self._row(
            "SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots WHERE slot_name = %s", SLOT
        )
        return parse_lsn(self._row("SELECT lsn::text FROM pg_create_physical_replication_slot(%s, true)", SLOT)[0])

    def advance_slot(self, position: int) -> None:
        """Let go of the log before ``position`` (which must not be behind the slot)."""
        self._row("SELECT pg_replication_slot_advance(%s, %s::pg_lsn)::text", SLOT, format_lsn(position))

    def segment(self, name: str) -> bytes:
        """The file ``name`` of the log, whole."""
        return bytes(self._row("SELECT pg_read_binary_file('pg_wal/' || %s)", name)[0])

    def _row(self, query: str, *values: object) -> tuple[Any, ...]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(guarded(self.conninfo), autocommit=True, prepare_threshold=1)
            row = self._connection.execute(query.encode(), values).fetchone()
        except psycopg.Error as error:
            self.close()
            lines = str(error).strip().splitlines()
            raise ServerGone(lines[0] if lines else type(error).__name__) from error
        return row or ()
