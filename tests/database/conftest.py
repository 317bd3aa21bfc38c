"""An empty database for each test that wants one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.service.running import new_database

_numbers = itertools.count()


@pytest.fixture
def empty(postgres_conninfo: str) -> Iterator[str]:
    """The conninfo of a database without any table."""
    name = f"database_{next(_numbers)}"
    with psycopg.connect(postgres_conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield psycopg.conninfo.make_conninfo(postgres_conninfo, dbname=name)
    with psycopg.connect(postgres_conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def connection(empty: str) -> Iterator[psycopg.Connection]:
    """A connection to it, in autocommit mode."""
    with psycopg.connect(empty, autocommit=True) as connected:
        yield connected


@pytest.fixture(scope="module")
def database(postgres_conninfo: str) -> Iterator[str]:
    """The conninfo of a database of this module's, with the schema."""
    with new_database(postgres_conninfo, f"database_{next(_numbers)}") as conninfo:
        yield conninfo


@pytest.fixture
def tables(database: str) -> Iterator[psycopg.Connection]:
    """A connection to it, in autocommit mode; all tables are empty and count from 1."""
    with psycopg.connect(database, autocommit=True) as connected:
        connected.execute("TRUNCATE flows_v3, metadata_v3, artifact_v3 RESTART IDENTITY CASCADE")
        yield connected
