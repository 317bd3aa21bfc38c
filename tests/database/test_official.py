"""A database of an official service is taken over from its dump: every row, numbers that go on, and nothing else."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from metaflow_anywhere.database import official, schema
from metaflow_anywhere.database.incoming import bring_rows
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.postgres import Programs
from metaflow_anywhere.state.portable import load
from tests.official import LONG_VALUE, RUNS, TASKS_A_RUN, dump, make_database

ROLE, OURS = "import_service", "import_ours"
FORMATS = {
    "plain": [], "inserts": ["--inserts"], "compressed": [], "custom": ["-Fc"],
}  # fmt: skip
Rows = dict[str, list[Any]]


@pytest.fixture(scope="module")
def theirs(postgres_conninfo: str) -> str:
    return make_database(postgres_conninfo)


@pytest.fixture(scope="module")
def dump_in(
    theirs: str, postgres_programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Dumps in each of FORMATS, made once."""
    made: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp("dumps")

    def make(kind: str) -> Path:
        if kind not in made:
            file = dump(postgres_programs, theirs, folder / f"official.{kind}", *FORMATS[kind])
            if kind == "compressed":
                file.write_bytes(gzip.compress(file.read_bytes()))
            made[kind] = file
        return made[kind]

    return make


@pytest.fixture
def ours(postgres_conninfo: str) -> Iterator[str]:
    """An empty database of a role that may do no more than the service's."""
    with psycopg.connect(postgres_conninfo, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            connection.execute(f"CREATE ROLE {ROLE} LOGIN".encode())
        connection.execute(f"DROP DATABASE IF EXISTS {OURS}".encode())
        connection.execute(f"CREATE DATABASE {OURS} OWNER {ROLE}".encode())
    yield make_conninfo(postgres_conninfo, dbname=OURS, user=ROLE)


def by_name(conninfo: str) -> Rows:
    """All rows: the order of columns is each database's own."""
    with psycopg.connect(conninfo, row_factory=dict_row) as connection:
        return {
            name: connection.execute(
                f'SELECT * FROM public.{name} ORDER BY {name}::text COLLATE "C"'.encode()
            ).fetchall()
            for name in official.TABLES
        }


def take_over(theirs: str, empty: str) -> str:
    """What an import does after the dump is loaded: its rows go into a new database of ours; returns that."""
    with psycopg.connect(theirs, autocommit=True) as source, psycopg.connect(empty, autocommit=True) as target:
        schema.apply(target)
        bring_rows(source, target)
    return empty


@pytest.mark.parametrize("kind", FORMATS)
def test_every_row_comes_in(
    kind: str, ours: str, empty: str, theirs: str, dump_in: Callable[[str], Path], postgres_programs: Programs
) -> None:
    load(postgres_programs, ours, dump_in(kind), official.TABLES)
    home = take_over(ours, empty)
    assert by_name(home) == by_name(theirs)
    assert LONG_VALUE in {row["value"] for row in by_name(home)["metadata_v3"]}


def test_numbers_go_on_even_if_the_dump_does_not_say_where(
    ours: str, empty: str, dump_in: Callable[[str], Path], postgres_programs: Programs, tmp_path: Path
) -> None:
    lines = dump_in("plain").read_text().splitlines(keepends=True)
    file = tmp_path / "without.sql"
    file.write_text("".join(line for line in lines if "setval(" not in line))
    load(postgres_programs, ours, file, official.TABLES)
    home = take_over(ours, empty)
    with psycopg.connect(home) as connection:
        run = connection.execute(
            "INSERT INTO runs_v3 (flow_id, ts_epoch) VALUES ('Official0', 1) RETURNING run_number"
        ).fetchone()
        assert run == (RUNS + 1,)
        connection.execute("INSERT INTO steps_v3 VALUES ('Official0', %s, 'start', 'ada', 1)", run)
        task = connection.execute(
            "INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch) VALUES ('Official0', %s, 'start', 1)"
            " RETURNING task_id",
            run,
        ).fetchone()
        assert task == (RUNS * TASKS_A_RUN + 1,)


def test_numbers_that_were_used_up_are_not_given_again(
    ours: str, empty: str, dump_in: Callable[[str], Path], postgres_programs: Programs
) -> None:
    load(postgres_programs, ours, dump_in("plain"), official.TABLES)
    with psycopg.connect(ours, autocommit=True) as connection:
        connection.execute("SELECT setval('runs_v3_run_number_seq', 500)")
    home = take_over(ours, empty)
    with psycopg.connect(home) as connection:
        row = connection.execute(
            "INSERT INTO runs_v3 (flow_id, ts_epoch) VALUES ('Official0', 1) RETURNING run_number"
        ).fetchone()
    assert row == (501,)


def test_the_triggers_of_an_official_ui_backend_are_in_nobodys_way(
    ours: str, empty: str, dump_in: Callable[[str], Path], postgres_programs: Programs
) -> None:
    """A value of nine kilobytes, which they cannot notify anybody of."""
    load(postgres_programs, ours, dump_in("plain"), official.TABLES)
    insert = (
        "INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch)"
        " VALUES ('Official1', 1, 'start', 1, 'attempt', %s, 'attempt', 1)"
    )
    with psycopg.connect(ours) as connection, pytest.raises(psycopg.errors.InvalidParameterValue):
        connection.execute(insert, [LONG_VALUE])
    home = take_over(ours, empty)
    with psycopg.connect(home) as connection:
        connection.execute(insert, [LONG_VALUE])
        names = connection.execute("SELECT DISTINCT tgname FROM pg_trigger WHERE NOT tgisinternal").fetchall()
    assert all(name.startswith("anywhere_") for (name,) in names)


@pytest.mark.parametrize("kind", ["plain", "inserts"])
def test_a_dump_that_is_cut_off_anywhere_leaves_nothing(
    kind: str, ours: str, dump_in: Callable[[str], Path], postgres_programs: Programs, tmp_path: Path
) -> None:
    whole = dump_in(kind).read_bytes()
    ends_of_copy = [at for at in (whole.find(b"\\.\n"), whole.find(b"setval")) if at > 0]
    for length in [len(whole) * part // 8 for part in range(1, 8)] + ends_of_copy:
        file = tmp_path / "cut.sql"
        file.write_bytes(whole[:length])
        with pytest.raises(AnywhereError, match="cannot be loaded"):
            load(postgres_programs, ours, file, official.TABLES)
        with psycopg.connect(ours, autocommit=True) as connection, pytest.raises(official.NotMetaflow):
            official.require_tables(connection)


@pytest.mark.parametrize("kind", ["custom", "compressed"])
def test_a_binary_dump_that_is_cut_off_is_refused(
    kind: str, ours: str, dump_in: Callable[[str], Path], postgres_programs: Programs, tmp_path: Path
) -> None:
    whole = dump_in(kind).read_bytes()
    for part in (1, 2, 3):
        file = tmp_path / "cut"
        file.write_bytes(whole[: len(whole) * part // 4])
        with pytest.raises(AnywhereError, match="cannot be loaded"):
            load(postgres_programs, ours, file, official.TABLES)


@pytest.mark.parametrize(
    "content", [bytes(range(256)) * 20, b"just some words\n", b"PGDMP and nothing else", b"\x1f\x8b"]
)
def test_what_is_no_dump_is_refused(content: bytes, ours: str, postgres_programs: Programs, tmp_path: Path) -> None:
    file = tmp_path / "garbage"
    file.write_bytes(content)
    with pytest.raises(AnywhereError, match="cannot be loaded"):
        load(postgres_programs, ours, file, official.TABLES)


def test_a_dump_of_another_application_is_told_by_its_tables(
    ours: str, postgres_programs: Programs, tmp_path: Path
) -> None:
    file = tmp_path / "other.sql"
    file.write_text("CREATE TABLE public.auth_user (id int);\nCREATE TABLE public.orders (id int);\n")
    load(postgres_programs, ours, file, official.TABLES)
    with (
        psycopg.connect(ours, autocommit=True) as connection,
        pytest.raises(official.NotMetaflow, match="no table flows_v3 in it, but auth_user, orders"),
    ):
        official.require_tables(connection)
