"""What an imported file says runs as a role that can do nothing but make and fill tables in a scratch database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from metaflow_anywhere.database import official, schema
from metaflow_anywhere.database.incoming import bring_rows
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.postgres import Programs
from metaflow_anywhere.state.portable import load
from metaflow_anywhere.state.scratch import scratch_database
from metaflow_anywhere.state.snapshots import count_rows
from tests.official import RUNS, dump, make_database

Write = Callable[[str], Path]


@pytest.fixture(scope="module")
def scratch(postgres_programs: Programs, open_folder: Path) -> Iterator[str]:
    with scratch_database(postgres_programs, open_folder / "installation", open_folder / "hostile") as conninfo:
        yield conninfo


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        file = tmp_path / "hostile.sql"
        file.write_text(text)
        return file

    return written


@pytest.fixture
def proof(open_folder: Path) -> Iterator[Path]:
    """A file that is there if a command was run; its folder is open to all."""
    folder = open_folder / "proof"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    yield folder / "ran"
    (folder / "ran").unlink(missing_ok=True)


@pytest.mark.parametrize(
    "text",
    [
        " \\! {}\n",
        "SELECT 1; \\! {}\n",
        "SELECT 1 \\! {}\n",
        "SELECT 1 \\g |{}\n",
        "SELECT '{}' \\gexec\n",
        "\t\\o |{}\nSELECT 1;\n",
        "SELECT 'x\n\\! {}\n'; \\! {}\n",
        "/* ' */ \\! {}\n",
        'SELECT "a\n" \\! {}\n',
        " \\copy (SELECT 1) TO PROGRAM '{}'\n",
        " \\unrestrict x\n \\! {}\n",
        " \\set x `{}`\n",
        " \\i /proc/self/environ\n",
        " \\connect postgres\n",
    ],
)
def test_no_command_of_psql_is_taken_from_a_file(
    text: str, scratch: str, write: Write, proof: Path, postgres_programs: Programs
) -> None:
    file = write(text.replace("{}", f"touch {proof}"))
    with pytest.raises(AnywhereError, match="cannot be loaded") as refused:
        load(postgres_programs, scratch, file, ["t"])
    assert not proof.exists()
    assert any(
        word in (refused.value.why or "") for word in ("restricted", "syntax error", "neither a dump", "wrong key")
    )


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("COPY (SELECT 1) TO PROGRAM 'touch {}'", "permission denied to COPY to or from an external program"),
        ("COPY (SELECT 1) TO '{}'", "permission denied to COPY to a file"),
        ("CREATE TABLE t (x text); COPY t FROM '/etc/passwd'", "permission denied to COPY from a file"),
        ("SELECT pg_read_file('/etc/passwd')", "permission denied for function pg_read_file"),
        ("SELECT pg_ls_dir('/')", "permission denied for function pg_ls_dir"),
        ("SELECT lo_export(lo_create(0), '{}')", "permission denied for function lo_export"),
        ("SELECT lo_import('/etc/passwd')", "permission denied for function lo_import"),
        ("DO $$ BEGIN EXECUTE 'CREATE EXTENSION hstore'; END $$", "extension"),
        ("DO $$ BEGIN EXECUTE 'CREATE EXTENSION dblink'; END $$", "extension"),
        ("DO $$ BEGIN EXECUTE 'ALTER DATABASE scratch SET search_path = evil'; END $$", "must be owner of database"),
        ("DO $$ BEGIN EXECUTE 'ALTER DATABASE postgres SET search_path = evil'; END $$", "must be owner of database"),
        ("COMMIT; CREATE DATABASE other", "permission denied"),
        ("COMMIT; ALTER SYSTEM SET archive_command = 'touch {}'", "permission denied"),
        ("SET ROLE postgres", "permission denied to set role"),
        ("SET SESSION AUTHORIZATION postgres", "permission denied to set session authorization"),
        ("CREATE ROLE mallory SUPERUSER", "permission denied to create role"),
        ("ALTER ROLE loader SUPERUSER", "permission denied to alter role"),
        ("ALTER ROLE postgres SET search_path = evil", "permission denied to alter role"),
        ("LOAD '/tmp/evil.so'", "access to library"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/tmp/evil.so', 'f'", "permission denied for language c"),
        (
            "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION now()",
            "permission denied to create event trigger",
        ),
        ("CREATE FOREIGN DATA WRAPPER w", "permission denied to create foreign-data wrapper"),
        ("COMMIT; CREATE TABLESPACE s LOCATION '/tmp'", "permission denied to create tablespace"),
        ("CREATE CAST (text AS int) WITHOUT FUNCTION", "must be"),
        ("CREATE OPERATOR CLASS c FOR TYPE int USING btree AS STORAGE int", "must be superuser"),
        ("CREATE FUNCTION pg_catalog.count(int) RETURNS int LANGUAGE sql RETURN 1", "permission denied for schema"),
        ("SELECT pg_create_physical_replication_slot('s')", "permission denied to use replication slots"),
    ],
)
def test_the_role_that_loads_a_file_can_do_nothing_outside_its_database(
    statement: str, said: str, scratch: str, write: Write, proof: Path, postgres_programs: Programs
) -> None:
    with pytest.raises(AnywhereError, match="cannot be loaded") as refused:
        load(postgres_programs, scratch, write(statement.replace("{}", str(proof)) + ";\n"), ["t"])
    assert said in str(refused.value.why)
    assert not proof.exists()


def test_the_role_that_loads_a_file_reaches_no_other_database(scratch: str) -> None:
    for other in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(make_conninfo(scratch, dbname=other))


HOSTILE = """
CREATE FUNCTION public.touched() RETURNS boolean LANGUAGE plpgsql AS $f$
BEGIN
    EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch {proof}''';
    RETURN true;
END $f$;
CREATE FUNCTION public.state(x bigint) RETURNS bigint LANGUAGE plpgsql AS $f$
BEGIN PERFORM public.touched(); RETURN x; END $f$;
CREATE AGGREGATE public.count(*) (SFUNC = public.state, STYPE = bigint, INITCOND = '0');
CREATE FUNCTION public.on_insert() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN PERFORM public.touched(); RETURN new; END $f$;
CREATE TRIGGER hostile BEFORE INSERT ON public.runs_v3 FOR EACH ROW EXECUTE FUNCTION public.on_insert();
CREATE RULE hostile AS ON INSERT TO public.flows_v3 DO ALSO SELECT public.touched();
CREATE VIEW public.shown AS SELECT public.touched();
CREATE DOMAIN public.text AS pg_catalog.text;
CREATE FUNCTION public.computed(x pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql IMMUTABLE AS $f$
BEGIN
    BEGIN PERFORM public.touched(); EXCEPTION WHEN insufficient_privilege THEN NULL; END;
    RETURN 'made by ' || current_user;
END $f$;
ALTER TABLE public.artifact_v3 DROP COLUMN content_type;
ALTER TABLE public.artifact_v3 ADD COLUMN content_type pg_catalog.text
    GENERATED ALWAYS AS (public.computed(location)) STORED;
ALTER ROLE loader SET search_path = public, pg_catalog;
"""


def test_only_rows_come_out_of_a_hostile_database(
    scratch: str, postgres_programs: Programs, postgres_conninfo: str, proof: Path, tmp_path: Path, empty_home: str
) -> None:
    """Aggregates, triggers, rules, views, types, generated columns and settings: none runs as anybody but that role."""
    file = dump(postgres_programs, make_database(postgres_conninfo), tmp_path / "official.sql")
    with file.open("a") as more:
        more.write(HOSTILE.replace("{proof}", str(proof)) + "-- PostgreSQL database dump complete\n")
    load(postgres_programs, scratch, file, official.TABLES)
    with (
        psycopg.connect(scratch, autocommit=True) as source,
        psycopg.connect(empty_home, autocommit=True) as target,
    ):
        schema.apply(target)
        ours = things(target)
        bring_rows(source, target)
        assert things(target) == ours
        made = target.execute("SELECT DISTINCT content_type FROM artifact_v3").fetchall()
    assert made == [("made by loader",)]
    assert count_rows(empty_home)["public.runs_v3"] == RUNS
    assert not proof.exists()


def test_a_count_of_rows_runs_no_function_of_the_database(postgres_conninfo: str, empty_home: str, proof: Path) -> None:
    """A database whose owner was hostile: a snapshot counts its rows as the superuser, who may run programs."""
    with psycopg.connect(empty_home, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.flows_v3 (flow_id text)")
        connection.execute("CREATE SCHEMA evil")
        hostile = HOSTILE.replace("{proof}", str(proof)).replace("public.", "evil.")
        connection.execute(hostile[: hostile.index("CREATE FUNCTION evil.on_insert")].encode())
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET search_path = evil, pg_catalog, public".encode())
    with psycopg.connect(empty_home) as connection:
        connection.execute("SELECT count(*) FROM public.flows_v3")
        connection.execute("INSERT INTO public.flows_v3 VALUES ('x')")
        connection.execute("SELECT count(*) FROM public.flows_v3")
    assert proof.exists(), "the trap works"
    proof.unlink()
    assert count_rows(empty_home) == {"public.flows_v3": 1}
    assert not proof.exists()


@pytest.fixture
def empty_home(postgres_conninfo: str) -> Iterator[str]:
    """An empty database of the test run's own cluster, for its superuser."""
    with psycopg.connect(postgres_conninfo, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS home WITH (FORCE)")
        connection.execute("CREATE DATABASE home")
    yield make_conninfo(postgres_conninfo, dbname="home")


def things(connection: psycopg.Connection[tuple[object, ...]]) -> set[object]:
    """What is in a database beside rows: functions, relations, triggers, types, extensions, settings."""
    return set(
        connection.execute(
            "SELECT 'function', oid::regprocedure::text FROM pg_proc WHERE oid >= 16384"
            " UNION ALL SELECT 'relation', oid::regclass::text FROM pg_class WHERE oid >= 16384"
            " UNION ALL SELECT 'trigger', tgname || tgrelid::regclass::text FROM pg_trigger"
            " UNION ALL SELECT 'type', oid::regtype::text FROM pg_type WHERE oid >= 16384"
            " UNION ALL SELECT 'extension', extname FROM pg_extension"
            " UNION ALL SELECT 'setting', setrole::regrole::text || setconfig::text FROM pg_db_role_setting"
        ).fetchall()
    )
