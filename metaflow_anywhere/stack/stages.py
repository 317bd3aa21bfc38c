"""The ten stages of the graph, each bound to one stack: whether it is satisfied, its work, and how it is undone."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import sql

from metaflow_anywhere.database import schema
from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.graph import NotYet, Progress, Verdict, needed, not_needed, satisfied, wait_until
from metaflow_anywhere.graph.stage import Finding
from metaflow_anywhere.postgres import Account, files_are_ours
from metaflow_anywhere.postgres.cluster import SUPERUSER
from metaflow_anywhere.stack.passwords import DATABASE, SERVICE_ROLE
from metaflow_anywhere.stack.ports import require_free
from metaflow_anywhere.stack.questions import QUESTIONS, NoAnswer, ask
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.stack.supervision import Program

STAMP = "anywhere-schema.json"  # in the data directory: what has been applied to it, so that a look is enough
READY_SECONDS = 20.0  # a program that was started longer ago and does not answer never will
HOPELESS_SECONDS = 6.0  # a program that keeps dying for this long does not become ready by waiting


@dataclass
class StackStage:
    """What all stages share: the stack, the time limit in seconds, and by default no log and nothing to undo."""

    stack: Stack
    limit: float = 120.0

    @property
    def log(self) -> Path | None:
        """No log of its own."""
        return None

    def check(self) -> Verdict:
        """Each stage looks for itself."""
        raise NotImplementedError

    def work(self, progress: Progress) -> str:
        """Each stage works for itself."""
        raise NotImplementedError

    def undo(self, progress: Progress) -> str | None:
        """Nothing to take back."""
        return None


class ContainerStage(StackStage):
    """A stage that only the ``udocker`` runtime needs."""

    def check(self) -> Verdict:
        """Programs from wheels need no containers."""
        if self.stack.settings.runtime == "embedded":
            return not_needed("runtime is embedded")
        return needed(f"runtime is {self.stack.settings.runtime}")

    def work(self, progress: Progress) -> str:
        """Containers are not built yet: say so before anything else is done."""
        raise AnywhereError(
            "the udocker runtime is not part of this version",
            why=f"runtime comes from {self.stack.settings.origins['runtime']}",
            run="invoke up --runtime embedded",
        )


class FetchUdocker(ContainerStage):
    """udocker and its engine."""


class PullImages(ContainerStage):
    """The images and containers of the stack."""


class RestoreSnapshot(StackStage):
    """The database directory, from the mirror, where this machine has none."""

    def check(self) -> Verdict:
        """This version keeps no mirror: the database is where it was, or nowhere."""
        if self.stack.data_exists:
            return satisfied(f"the database is in {self.stack.settings.pgdata_dir}")
        return not_needed("no earlier state (this version keeps no mirror yet)")

    def work(self, progress: Progress) -> str:
        """Never reached, since no check asks for it."""
        raise AssertionError("restore-snapshot has no work in this version")

    def undo(self, progress: Progress) -> str | None:
        """The database's files are what ``down`` must keep."""
        return f"kept: {self.stack.settings.pgdata_dir}" if self.stack.data_exists else None


class InitSchema(StackStage):
    """The cluster, its roles with this machine's passwords, and every step of ``sql/``."""

    @property
    def log(self) -> Path:
        """The private server's messages."""
        return self.stack.log("init-schema")

    def check(self) -> Verdict:
        """Compare what was recorded in the data directory with what is wanted now."""
        if not self.stack.data_exists:
            return needed("there is no database yet")
        if not files_are_ours(self.stack.settings.pgdata_dir, Account.for_this_process()):
            return needed("the database's files have another owner or mode")
        recorded = self._recorded()
        if recorded.get("schema") != self._schema_digest():
            return needed("the schema is older than sql/, or of unknown age")
        if not self.stack.pgpass.exists() or recorded.get("passwords") != self._password_digest():
            return needed("the database does not have this machine's passwords")
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
            cluster.create(stack.settings.state_dir)
            shutil.rmtree(stack.settings.client_cache, ignore_errors=True)  # of another database's runs
        cluster.check_major()
        cluster.take_over()
        info = stack.supervisor.info(StartDatabase.program_name)
        if info is not None and info.running:
            self._apply(stack.conninfo(SUPERUSER, "postgres"), progress)
        else:
            cluster.stop()  # such as the private server of a command that was killed
            with cluster.private_server(self.log) as conninfo:
                self._apply(conninfo, progress)
        newest = schema.available()[-1]
        told = f"step {newest.version} ({newest.name})"
        stamp = {"schema": self._schema_digest(), "newest": told, "passwords": self._password_digest()}
        half = stack.settings.pgdata_dir / f".{STAMP}.new"
        try:
            half.write_text(json.dumps(stamp))
            half.chmod(0o600)
            half.replace(half.with_name(STAMP))
        except OSError as error:
            raise AnywhereError("the schema's version cannot be recorded", why=reason(error)) from error
        return f"schema is at {told}"

    def undo(self, progress: Progress) -> str | None:
        """The schema is part of the database, which is kept."""
        return None

    def _apply(self, conninfo: str, progress: Progress) -> None:
        passwords = self.stack.passwords()
        with psycopg.connect(conninfo, autocommit=True) as connection:
            ensure_role_and_database(connection, passwords)
        ours = psycopg.conninfo.make_conninfo(conninfo, dbname=DATABASE)
        with psycopg.connect(ours, autocommit=True) as connection:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(SERVICE_ROLE)))
            try:
                schema.apply(connection, progress.say)
            except schema.SchemaError as error:
                raise AnywhereError("the schema cannot be brought to this version", why=str(error)) from error

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


def ensure_role_and_database(connection: psycopg.Connection, passwords: dict[str, str]) -> None:
    """The service's role, its database, and the passwords of both roles; safe to repeat."""
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [SERVICE_ROLE]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(SERVICE_ROLE)))
    for role, password in passwords.items():
        # encrypted here, so that no password is ever in a statement, and thus in no log
        encrypted = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(encrypted)))
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
        create = sql.SQL("CREATE DATABASE {} OWNER {}")
        connection.execute(create.format(sql.Identifier(DATABASE), sql.Identifier(SERVICE_ROLE)))


class ProgramStage(StackStage):
    """A stage that has one program of the stack running, as it is configured now, and answering its question."""

    program_name: ClassVar[str]

    @property
    def log(self) -> Path:
        """The program's log."""
        return self.stack.log(self.program_name)

    def program(self) -> Program:
        """The program as it should run."""
        raise NotImplementedError

    def prepare(self, progress: Progress) -> None:
        """What has to be in place before the program is started."""

    def check(self) -> Verdict:
        """Running, current, and answering."""
        info = self.stack.supervisor.info(self.program_name)
        if info is None or not info.running:
            return needed("it is not running")
        if not self.stack.supervisor.is_current(self.program()):
            return needed("its configuration has changed")
        try:
            return satisfied(ask(QUESTIONS[self.program_name], self.stack).text)
        except NoAnswer as no:
            return needed(f"it does not answer: {no}")

    def work(self, progress: Progress) -> str:
        """Start the program under the supervisor and wait until it answers."""
        with self.stack.exclusive():
            self.stack.ensure_supervisor(progress)
            if self._hangs():
                progress.say("it runs and does not answer: restarting it")
                self.stack.supervisor.stop(self.program_name)
            self.prepare(progress)
            self.stack.supervisor.start(self.program_name)
        return self.await_answer(progress)

    def _hangs(self) -> bool:
        """Whether the program has had time enough to get ready, and does not answer."""
        info = self.stack.supervisor.info(self.program_name)
        if info is None or not info.running or time.time() - info.since < READY_SECONDS:
            return False
        try:
            ask(QUESTIONS[self.program_name], self.stack)
        except NoAnswer:
            return True
        return False

    def await_answer(self, progress: Progress) -> str:
        """Wait until the program answers its question; gives up early on one that keeps dying."""
        began = time.monotonic()

        def question() -> str:
            try:
                return ask(QUESTIONS[self.program_name], self.stack).text
            except NoAnswer as no:
                info = self.stack.supervisor.info(self.program_name)
                dead = info is None or info.state in ("FATAL", "STOPPED")
                dying = info is not None and info.state in ("BACKOFF", "EXITED")
                if dead or (dying and time.monotonic() - began > HOPELESS_SECONDS):
                    why = info.description if info else "the supervisor is gone"
                    raise AnywhereError(f"{self.program_name} does not stay up", why=why, log=self.log) from None
                raise NotYet(str(no)) from None

        return wait_until(question, what=self.program_name, seconds=self.limit, progress=progress, log=self.log)

    def undo(self, progress: Progress) -> str | None:
        """Stop the program."""
        return "stopped" if self.stack.supervisor.stop(self.program_name) else None


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
        cluster.configure(self.stack.database_settings())

    def undo(self, progress: Progress) -> str | None:
        """A fast shutdown, then the end of whatever else still runs for this stack."""
        stopped = self.stack.supervisor.stop(self.program_name)
        self.stack.supervisor.shut_down(progress)
        stray = self.stack.data_exists and self.stack.cluster.stop()
        return "stopped" if stopped or stray else None


class StartService(ProgramStage):
    """The metadata service."""

    program_name = "service"

    def program(self) -> Program:
        """The metadata service."""
        return self.stack.service_program()


class StartUi(ProgramStage):
    """The UI backend."""

    program_name = "ui"

    def program(self) -> Program:
        """The UI backend."""
        return self.stack.ui_program()


class StartProxy(ProgramStage):
    """The one port."""

    program_name = "proxy"

    def program(self) -> Program:
        """Caddy."""
        return self.stack.proxy_program()

    def prepare(self, progress: Progress) -> None:
        """Write the configuration; make sure that the port is nobody else's."""
        info = self.stack.supervisor.info(self.program_name)
        if info is None or not info.running:
            settings = self.stack.settings
            require_free(settings.port, "proxy, setting port", settings.origins["port"])
        half = self.stack.caddyfile.with_suffix(".new")
        half.write_text(self.stack.proxy_configuration())
        half.replace(self.stack.caddyfile)


class LaterStage(StackStage):
    """A stage that is in the graph and has nothing to do in this version; ``why`` is what the user is told."""

    why: ClassVar[str]

    def check(self) -> Verdict:
        """Never needed."""
        return not_needed(self.why)

    def work(self, progress: Progress) -> str:
        """Never reached, since no check asks for it."""
        raise AssertionError(f"{type(self).__name__} has no work in this version")


class Sync(LaterStage):
    """The mirror of the database inside root."""

    why = "this version keeps no mirror yet"


class Tunnel(LaterStage):
    """A public URL."""

    why = "not asked for"


BY_PROGRAM: dict[str, type[ProgramStage]] = {
    kind.program_name: kind for kind in (StartDatabase, StartService, StartUi, StartProxy)
}
BY_NAME: dict[str, type[StackStage]] = {
    "fetch-udocker": FetchUdocker,
    "pull-images": PullImages,
    "restore-snapshot": RestoreSnapshot,
    "init-schema": InitSchema,
    "start-db": StartDatabase,
    "start-service": StartService,
    "start-ui": StartUi,
    "proxy": StartProxy,
    "sync": Sync,
    "tunnel": Tunnel,
}
