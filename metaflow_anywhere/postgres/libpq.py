"""One question to a PostgreSQL server, through the libpq of the wheel that the server is from.

Importing psycopg costs more than all else that ``status`` does; a question without parameters needs none of it.
"""

from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path

CONNECTION_OK = 0  # enumerations of libpq-fe.h
COMMAND_OK, TUPLES_OK = 1, 2
NAMES = ("libpq.so.5", "libpq.5.dylib")


class NoConnection(Exception):
    """The server cannot be asked, or does not answer; the text is libpq's."""


def conninfo(**values: str | int) -> str:
    """A libpq connection string (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING)."""
    quoted = {name: str(value).replace("\\", "\\\\").replace("'", "\\'") for name, value in values.items()}
    return " ".join(f"{name}='{value}'" for name, value in quoted.items())


def ask(programs: Path, connection: str, statement: str) -> int:
    """Have the server run ``statement``; returns its version number (180006). Raises NoConnection.

    ``programs`` is the folder of PostgreSQL's programs, ``connection`` a connection string.
    """
    libpq = _library(programs)
    server = libpq.PQconnectdb(os.fsencode(connection))
    try:
        if libpq.PQstatus(server) != CONNECTION_OK:
            raise NoConnection(libpq.PQerrorMessage(server).decode("utf-8", "replace").strip())
        result = libpq.PQexec(server, statement.encode())
        good = libpq.PQresultStatus(result) in (COMMAND_OK, TUPLES_OK)
        libpq.PQclear(result)
        if not good:
            raise NoConnection(libpq.PQerrorMessage(server).decode("utf-8", "replace").strip())
        return int(libpq.PQserverVersion(server))
    finally:
        libpq.PQfinish(server)


@functools.cache
def _library(programs: Path) -> ctypes.CDLL:
    folder = programs.parent / "lib"
    found = next((folder / name for name in NAMES if (folder / name).exists()), folder / NAMES[0])
    try:
        libpq = ctypes.CDLL(str(found))
    except OSError as error:
        raise NoConnection(f"PostgreSQL's client library cannot be loaded: {error}") from None
    for name in ("PQconnectdb", "PQexec"):
        getattr(libpq, name).restype = ctypes.c_void_p
    libpq.PQerrorMessage.restype = ctypes.c_char_p
    libpq.PQconnectdb.argtypes = [ctypes.c_char_p]
    libpq.PQexec.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    for name in ("PQstatus", "PQerrorMessage", "PQserverVersion", "PQfinish", "PQresultStatus", "PQclear"):
        getattr(libpq, name).argtypes = [ctypes.c_void_p]
    return libpq
