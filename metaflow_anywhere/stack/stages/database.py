"""The database: its cluster and schema, and the server."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from metaflow_anywhere.database import schema
from metaflow_anywhere.database.datastores import settle
from metaflow_anywhere.errors import AnywhereError, Overtaken, reason
from metaflow_anywhere.graph import Progress, Verdict, needed, satisfied
from metaflow_anywhere.graph.stage import Finding
from metaflow_anywhere.later import psycopg
from metaflow_anywhere.modes import write_private
from metaflow_anywhere.postgres import Account, files_are_ours
from metaflow_anywhere.postgres.cluster import SUPERUSER, Content
from metaflow_anywhere.postgres.sessions import guarded
from metaflow_anywhere.stack.overtaking import note_taken_down
from metaflow_anywhere.stack.passwords import DATABASE, SERVICE_ROLE
from metaflow_anywhere.stack.roles import RIGHTS, ensure_role_and_database
from metaflow_anywhere.stack.stages.base import ProgramStage, StackStage
from metaflow_anywhere.stack.stages.damage import explained
from metaflow_anywhere.stack.stages.ending import flush_mirror, reopen_mirror
from metaflow_anywhere.stack.supervision import Program

STAMP = "anywhere-schema.json"  # in the data directory: what has been applied to it, so that a look is enough


class InitSchema(StackStage):
    """The cluster, its roles with this machine's passwords, and every step of ``sql/``."""

    @property
    def log(self) -> Path:
        """The private server's messages."""
        return self.stack.log("init-schema")

    def explain(self, error: Exception) -> Exception:
        """Files that are damaged are told as such."""
        found = super().explain(error)
        return found if isinstance(found, Overtaken) else explained(self.stack, found, self.log, self.since)

    def check(self) -> Verdict:
        """Compare what was recorded in the data directory with what is wanted now."""
        if not self.stack.data_exists:
            return needed("there is no database yet")
        if not files_are_ours(self.stack.settings.pgdata_dir, Account.for_this_process()):
            return needed("the database's files have another owner or mode")
        recorded = self._recorded()
        passwords = self._password_digest() if self.stack.pgpass.exists() else "none"
        for name, value, otherwise in (
            ("schema", self._schema_digest(), "the schema is older than sql/, or of unknown age"),
            ("passwords", passwords, "the database does not have this machine's passwords"),
            ("rights", " ".join(RIGHTS), "the service's role lacks rights of this version"),
            ("datastore", str(self.stack.settings.datastore_dir), "the database does not know the datastore's place"),
        ):
            if recorded.get(name) != value:
                return needed(otherwise)
        return satisfied(f"schema is at {recorded.get('newest')}")

    def work(self, progress: Progress) -> str:
        """Create what is missing and apply what is pending; resumes after a crash between any two steps."""
        with self.stack.exclusive():
            verdict = self.check()  # another command may have done it while this one waited for its turn
            return self._prepare(progress) if verdict.finding is Finding.NEEDED else verdict.why

    def _prepare(self, progress: Progress) -> str:
        stack, cluster = self.stack, self.stack.cluster
        if not cluster.exists:
            progress.say("creating the database cluster")
            cluster.create(stack.settings.state_dir, Content(f"{RIGHTS} {self._schema_digest()}", begin_with_schema))
            cluster.write_out()
            shutil.rmtree(stack.settings.client_cache, ignore_errors=True)  # of another database's runs
        cluster.check_major()
        cluster.take_over()
        info = stack.supervisor.info(StartDatabase.program_name)
        if info is not None and info.running:
            from metaflow_anywhere.stack.upgrade import prepare_upgrade

            conninfo = stack.conninfo(SUPERUSER, "postgres")
            prepare_upgrade(stack, progress, schema_changes=self._lacks_steps(conninfo))
            self._apply(conninfo, progress)
        else:
            cluster.stop()  # such as the private server of a command that was killed
            reopen_mirror(stack)
            with cluster.private_server(self.log) as conninfo:
                self._apply(conninfo, progress)
        newest = schema.available()[-1]
        told = f"step {newest.version} ({newest.name})"
        stamp = {
            "schema": self._schema_digest(), "newest": told, "passwords": self._password_digest(),
            "datastore": str(stack.settings.datastore_dir), "rights": " ".join(RIGHTS),
        }  # fmt: skip
        half = stack.settings.pgdata_dir / f".{STAMP}.new"
        try:
            write_private(half, json.dumps(stamp))
            if stack.cluster.programs.account:
                stack.cluster.programs.account.owns(half)  # a base backup reads every file
            half.replace(half.with_name(STAMP))
        except OSError as error:
            raise AnywhereError("the schema's version cannot be recorded", why=reason(error)) from error
        return f"schema is at {told}"

    def undo(self, progress: Progress) -> str | None:
        """The schema is part of the database, which is kept."""
        return None

    def _lacks_steps(self, conninfo: str) -> bool:
        """Whether the running database lacks steps of the schema. Raises AnywhereError where it has newer ones."""
        ours = psycopg.conninfo.make_conninfo(conninfo, dbname=DATABASE, user=SERVICE_ROLE)
        with psycopg.connect(ours, autocommit=True) as connection:
            try:
                return bool(schema.pending(connection))
            except schema.SchemaError as error:
                raise self._refused(error) from error

    def _refused(self, error: schema.SchemaError) -> AnywhereError:
        from metaflow_anywhere.stack.upgrade import way_back

        return AnywhereError("the schema cannot be brought to this version", why=str(error), run=way_back(self.stack))

    def _apply(self, conninfo: str, progress: Progress) -> None:
        passwords = self.stack.passwords()
        with psycopg.connect(guarded(conninfo), autocommit=True) as connection:
            ensure_role_and_database(connection, passwords)
        ours = psycopg.conninfo.make_conninfo(conninfo, dbname=DATABASE, user=SERVICE_ROLE)
        with psycopg.connect(ours, autocommit=True) as connection:  # a trigger could undo a SET ROLE of the superuser
            try:
                schema.apply(connection, progress.say)
            except schema.SchemaError as error:
                raise self._refused(error) from error
            for former in settle(connection, self.stack.settings.datastore_dir):
                progress.say(f"what was stored in {former} is now in {self.stack.settings.datastore_dir}")

    def _recorded(self) -> dict[str, str]:
        try:
            found = json.loads((self.stack.settings.pgdata_dir / STAMP).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _schema_digest(self) -> str:
        return hashlib.sha256(" ".join(step.checksum for step in schema.available()).encode()).hexdigest()

    def _password_digest(self) -> str:
        """Tells whether the passwords changed; as private as the data directory, which holds digests of its own."""
        return hashlib.sha256(json.dumps(self.stack.wanted_passwords(), sort_keys=True).encode()).hexdigest()


def begin_with_schema(conninfo: str) -> None:
    """Put the role, its database and the schema into a template; a role without a password cannot log in."""
    with psycopg.connect(guarded(conninfo), autocommit=True) as connection:
        ensure_role_and_database(connection, {})
    with psycopg.connect(
        psycopg.conninfo.make_conninfo(conninfo, dbname=DATABASE, user=SERVICE_ROLE), autocommit=True
    ) as connection:
        schema.apply(connection)


class StartDatabase(ProgramStage):
    """PostgreSQL, ready for clients."""

    program_name = "database"

    def program(self) -> Program:
        """PostgreSQL."""
        return self.stack.database_program()

    def prepare(self, progress: Progress) -> None:
        """Configure the cluster; end a server on the same files that nobody supervises."""
        cluster = self.stack.cluster
        info = self.stack.supervisor.info(self.program_name)
        if (info is None or not info.running) and cluster.stop():
            progress.say("ended a PostgreSQL that was left running on these files")
        cluster.forget_stale_pid()
        if info is None or not info.running:
            reopen_mirror(self.stack)
        cluster.configure(self.stack.database_settings())

    def explain(self, error: Exception) -> Exception:
        """Files that are damaged are told as such."""
        found = super().explain(error)
        return found if isinstance(found, Overtaken) else explained(self.stack, found, self.log, self.since)

    def undo(self, progress: Progress) -> str | None:
        """A fast shutdown, then the end of whatever else still runs for this stack."""
        note_taken_down(self.stack.folder)  # whoever began after the first stage went down has to yield too
        stopped = self.stack.supervisor.stop(self.program_name)
        stray = self.stack.data_exists and self.stack.cluster.stop()
        try:
            flushed, carried = flush_mirror(self.stack)
        finally:
            self.stack.supervisor.shut_down(progress, for_good=True)
        if stopped or stray:
            return f"stopped{flushed}"
        return flushed.removeprefix("; ") if carried else None  # by an earlier `down`, which could not
