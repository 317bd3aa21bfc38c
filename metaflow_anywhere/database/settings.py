"""Where the database is, read from the environment by the names an official service uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import ProgrammingError

PREFIX = "MF_METADATA_DB_"
SSL_PARAMETERS = {"MODE": "sslmode", "CERT_PATH": "sslcert", "KEY_PATH": "sslkey", "ROOT_CERT_PATH": "sslrootcert"}


class SettingsError(Exception):
    """A setting is missing or makes no sense; the text is one sentence that names it."""


@dataclass(frozen=True)
class DatabaseSettings:
    """How to reach the database, and how much of it to use."""

    conninfo: str
    pool_size: int
    wait_seconds: float
    statement_seconds: float

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> DatabaseSettings:
        """Read ``MF_METADATA_DB_*``. Raises SettingsError.

        ``_DSN`` (a libpq connection string) stands for ``_HOST`` (a name, or the directory of a Unix socket),
        ``_PORT``, ``_USER``, ``_PSWD`` and ``_NAME`` together. Without ``_PSWD`` libpq looks in PGPASSFILE.
        ``_POOL_MAX`` is the number of connections, ``_TIMEOUT`` the seconds a statement may take.
        """
        return cls(
            conninfo=_conninfo(environment),
            pool_size=whole_number(environment, PREFIX + "POOL_MAX", default=10, low=1, high=1000),
            wait_seconds=5.0,
            statement_seconds=whole_number(environment, PREFIX + "TIMEOUT", default=60, low=1, high=3600),
        )


def _conninfo(environment: Mapping[str, str]) -> str:
    dsn = environment.get(PREFIX + "DSN")
    if dsn:
        try:
            return make_conninfo("", **cast("dict[str, Any]", conninfo_to_dict(dsn)))
        except ProgrammingError as error:
            raise SettingsError(f"{PREFIX}DSN is not a connection string: {str(error).strip()}") from None
    parameters: dict[str, Any] = {
        "host": environment.get(PREFIX + "HOST") or "localhost",
        "port": whole_number(environment, PREFIX + "PORT", default=5432, low=1, high=65535),
        "user": environment.get(PREFIX + "USER") or "postgres",
        "dbname": environment.get(PREFIX + "NAME") or "postgres",
        "password": environment.get(PREFIX + "PSWD") or None,
    }
    for ending, parameter in SSL_PARAMETERS.items():
        parameters[parameter] = environment.get(f"{PREFIX}SSL_{ending}") or None
    return make_conninfo(**{name: value for name, value in parameters.items() if value is not None})


def whole_number(environment: Mapping[str, str], name: str, *, default: int, low: int, high: int) -> int:
    """The setting ``name`` as an integer in ``low`` to ``high``. Raises SettingsError."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise SettingsError(f"{name} is {text!r}, and must be a whole number from {low} to {high}")
    return value
