"""Snapshots, drills and portable files of one stack: what joins the state's own verbs to it."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere.database import official, schema
from metaflow_anywhere.database.incoming import bring_rows
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import Progress
from metaflow_anywhere.hints import again, command
from metaflow_anywhere.later import psycopg
from metaflow_anywhere.postgres import Cluster
from metaflow_anywhere.postgres.cluster import SUPERUSER
from metaflow_anywhere.postgres.sessions import guarded
from metaflow_anywhere.stack.passwords import DATABASE, SERVICE_ROLE
from metaflow_anywhere.stack.roles import ensure_role_and_database
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.state.aside import Aside, aside_of, find_incarnation
from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.claim import begin
from metaflow_anywhere.state.drill import Drilled, drill
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.layout import IncarnationName
from metaflow_anywhere.state.lease import begin_living, take_lease
from metaflow_anywhere.state.life import write_life
from metaflow_anywhere.state.marks import publish_incarnation
from metaflow_anywhere.state.portable import export_database, load
from metaflow_anywhere.state.restore import Kind, look, make_workplace, move_aside
from metaflow_anywhere.state.scratch import scratch_database
from metaflow_anywhere.state.server import Server, ServerGone
from metaflow_anywhere.state.snapshots import (
    Snapshot,
    count_rows,
    delete_snapshot,
    find_snapshot,
    snapshots,
    take_snapshot,
)
from metaflow_anywhere.state.turn import own_stage


@contextlib.contextmanager
def told() -> Iterator[None]:
    """A drive that fails, or a database that does not answer, as a message for people."""
    try:
        yield
    except DriveError as error:
        raise AnywhereError("the mirror cannot be used", why=str(error), run=command("doctor")) from error
    except ServerGone as gone:
        raise AnywhereError("the database does not answer", why=str(gone), run=command("start-db")) from gone


def say_waiting(text: str) -> None:
    """Told where standard output may be read by a program."""
    print(text, file=sys.stderr)


def database_is_up(stack: Stack) -> bool:
    """Whether the stack's database runs."""
    info = stack.supervisor.info("database")
    return info is not None and info.running


@contextlib.contextmanager
def reached(stack: Stack) -> Iterator[str]:
    """A superuser's conninfo of the database: of the running server, or of one run privately meanwhile."""
    if database_is_up(stack):
        yield stack.conninfo(SUPERUSER, "postgres")
    elif stack.data_exists:
        with stack.exclusive(), stack.cluster.private_server(stack.log("private")) as conninfo:
            yield conninfo
    else:
        raise AnywhereError("there is no database yet", run=command("up"))


def take(stack: Stack, name: str | None, say: Callable[[str], None] = say_waiting) -> Snapshot:
    """A snapshot of the running database. Raises AnywhereError."""
    if not database_is_up(stack):
        raise AnywhereError("the database is not running", run=command("start-db"))
    with told(), stack.turn.take("a snapshot", say):
        stack.drive.prepare()
        stage = own_stage(stack.folder / "snapshot-stage")
        try:
            return take_snapshot(
                stack.programs_of_postgres, stack.drive, stack.conninfo(SUPERUSER, "postgres"),
                stack.conninfo(SUPERUSER), stage, name,
            )  # fmt: skip
        finally:
            shutil.rmtree(stage.parent, ignore_errors=True)


def listed(stack: Stack) -> list[Snapshot]:
    """Every snapshot in root. Raises AnywhereError."""
    with told():
        return snapshots(stack.drive)


def verify(stack: Stack, name: str | None, progress: Progress) -> Drilled:
    """A restore drill beside the database's files. Raises AnywhereError."""
    work = stack.settings.pgdata_dir.with_name(f".{stack.settings.pgdata_dir.name}.drill")
    with told(), stack.exclusive(), stack.turn.take("a restore drill", progress.say):
        one = find_snapshot(stack.drive, name) if name else None
        return drill(stack.programs_of_postgres, stack.drive, work, DATABASE, one, progress.say)


def delete(stack: Stack, name: str, say: Callable[[str], None] = say_waiting) -> Snapshot:
    """Delete a snapshot. Raises AnywhereError."""
    with told(), stack.turn.take("the removal of a snapshot", say):
        return delete_snapshot(stack.drive, name)


def folder_of(stack: Stack, name: str) -> str:
    """The folder of the snapshot ``name``, to be restored. Raises AnywhereError."""
    with told():
        return find_snapshot(stack.drive, name).folder


def incarnation_of(drive: Drive, text: str) -> IncarnationName:
    """The incarnation that a user means, of the mirror on ``drive``. Raises AnywhereError."""
    with told():
        return find_incarnation(Catalogue(drive).incarnations, text)


def aside(stack: Stack) -> list[Aside]:
    """What the mirror holds beside the newest state. Raises AnywhereError."""
    with told():
        return aside_of(Catalogue(stack.drive))


def write_file(stack: Stack, file: Path) -> int:
    """The database as one portable file; returns its bytes. Raises AnywhereError."""
    with reached(stack) as conninfo:
        return export_database(
            stack.programs_of_postgres, psycopg.conninfo.make_conninfo(conninfo, dbname=DATABASE), file
        )


@dataclass(frozen=True)
class Imported:
    """What came in, and where the database that was here is kept, if there was one."""

    rows: dict[str, int]
    aside: Path | None


def read_file(stack: Stack, file: Path, progress: Progress, *, replace: bool = False) -> Imported:
    """Make the dump ``file`` this stack's database, as a new incarnation of its mirror. Raises AnywhereError.

    All is prepared beside the database's files, and takes their place at the end only.
    """
    if not file.is_file():
        raise AnywhereError(f"no file {file}")
    if stack.supervisor.alive():
        raise AnywhereError("the stack is up", why="its database cannot be replaced while it runs", run=command("down"))
    with told(), stack.exclusive(), stack.turn.take("an import", progress.say):
        if not replace:
            _require_nothing_to_lose(stack)
        stack.drive.prepare()
        data = stack.settings.pgdata_dir
        work = data.with_name(f".{data.name}.import")
        make_workplace(work)
        try:
            one, rows = _build(stack, Cluster(stack.programs_of_postgres, work / "data"), file, progress)
            aside = move_aside(data)
            (work / "data").rename(data)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        write_life(data, one, stack.cluster.programs.account)
        publish_incarnation(stack.drive, one)
        begin_living(stack.drive, one.name)
    shutil.rmtree(stack.settings.client_cache, ignore_errors=True)  # of another database's runs
    return Imported(rows, aside)


def _build(stack: Stack, cluster: Cluster, file: Path, progress: Progress) -> tuple[Incarnation, dict[str, int]]:
    programs, templates, log = stack.programs_of_postgres, stack.settings.state_dir, stack.log("import")
    cluster.create(templates)
    with (
        scratch_database(programs, templates, cluster.data.with_name("scratch"), log) as theirs,
        cluster.private_server(log) as conninfo,
    ):
        with psycopg.connect(guarded(conninfo), autocommit=True) as connection:
            ensure_role_and_database(connection, stack.passwords())
        ours = psycopg.conninfo.make_conninfo(conninfo, dbname=DATABASE, user=SERVICE_ROLE)
        progress.say(f"loading {file}")
        load(programs, theirs, file, [*official.TABLES, *schema.OWN_TABLES])
        _bring_rows(theirs, ours, file, progress)
        rows = count_rows(ours)
        server = Server(conninfo)
        name = take_lease(stack.drive).holder
        one = begin(server, cluster.data, name, catalogue=Catalogue(stack.drive), parent=None)
        server.close()
    return one, rows


def _bring_rows(theirs: str, ours: str, file: Path, progress: Progress) -> None:
    with psycopg.connect(theirs, autocommit=True) as source, psycopg.connect(ours, autocommit=True) as target:
        try:
            schema.apply(target)
            bring_rows(source, target, progress.say)
        except official.NotMetaflow as error:
            raise AnywhereError(f"{file} is not a database of a metadata service", why=str(error)) from error
        except schema.SchemaError as error:
            raise AnywhereError(f"{file} cannot be brought to this version", why=str(error)) from error
        except psycopg.Error as error:
            raise AnywhereError(f"{file} cannot be brought in", why=str(error).strip().splitlines()[0]) from error


def _require_nothing_to_lose(stack: Stack) -> None:
    """Raise AnywhereError if there are runs here, or in the mirror, that the import would put out of sight."""
    way_out = f"{again('--replace')}   (what is here is moved aside, never deleted)"
    if stack.data_exists:
        with stack.cluster.private_server(stack.log("import")) as conninfo:
            runs = _runs(psycopg.conninfo.make_conninfo(conninfo, dbname=DATABASE))
        if runs:
            raise AnywhereError(f"there are {runs} runs here already", why=str(stack.settings.pgdata_dir), run=way_out)
    elif look(stack.drive, stack.settings.pgdata_dir, memory=stack.memory).kind is not Kind.FRESH:
        raise AnywhereError("there is a state in the mirror already", why=str(stack.drive.root), run=way_out)


def _runs(conninfo: str) -> int:
    try:
        with psycopg.connect(guarded(conninfo)) as connection:
            row = connection.execute("SELECT count(*) FROM public.runs_v3").fetchone()
            return int(row[0]) if row else 0
    except psycopg.Error:
        return 0  # no such table, or no such database: nothing was ever recorded
