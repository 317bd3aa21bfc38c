"""Brings a cluster back from a mirror: a base, the log replayed over it, and a check of the result."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.later import psycopg
from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder, open_private, touch_private, write_private
from metaflow_anywhere.postgres import Cluster, ClusterError, ProgramFailed, Programs
from metaflow_anywhere.postgres.sessions import guarded
from metaflow_anywhere.state.bases import ARCHIVE, LOG_ARCHIVE, POSTGRES_MANIFEST
from metaflow_anywhere.state.catalogue import Base, Catalogue, Incarnation
from metaflow_anywhere.state.moments import clock, utc
from metaflow_anywhere.state.ways import Log, Way, collect

Say = Callable[[str], None]
RECOVERY_SECONDS = 3600.0
TOO_EARLY = "recovery ended before configured recovery target was reached"
EVERY_INDEX = """
SELECT c.oid::regclass::text, pg_catalog.bt_index_check(index => c.oid, heapallindexed => %s)::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
JOIN pg_catalog.pg_am a ON a.oid = c.relam
WHERE a.amname = 'btree' AND c.relpersistence = 'p' AND c.relkind = 'i' AND i.indisready AND i.indisvalid
"""
LARGEST_THOROUGH_BYTES = 256 << 20  # above, the check that every row is in its index would double a restore's time


class Unusable(Exception):
    """A way did not lead to a sound database; the text says why."""


@dataclass
class Recovered:
    """A cluster in ``data``, stopped, in which everything up to the end of ``log`` is. ``switch`` is where its new
    timeline begins; ``note`` says what was checked."""

    data: Path
    way: Way
    log: Log
    note: str = ""
    rejected: list[str] = field(default_factory=list)


def rebuild(
    programs: Programs,
    catalogue: Catalogue,
    way: Way,
    data: Path,
    *,
    at: float | None = None,
    say: Say = lambda text: None,
    log_file: Path | None = None,
    then: Callable[[str, Log], None] = lambda conninfo, log: None,
) -> Recovered:
    """Make the cluster of ``way`` in the new folder ``data``, at its end or as it was ``at`` (epoch, s).

    ``then`` is called with a superuser's conninfo while the recovered server still runs privately. Raises Unusable with
    the reason if this way does not lead to a sound database, and AnywhereError if this machine is the obstacle.
    """
    chain = catalogue.chain(way.base)
    if chain is None:
        raise Unusable("a base that it builds on is not there any more")
    weight = sum(one.bytes for one in chain)
    check_room(data, weight)
    upon = f" and {len(chain) - 1} that it builds on" if len(chain) > 1 else ""
    say(f"unpacking the base of {clock(way.base.time)}{upon} ({weight / 1e6:.1f} MB)")
    with tempfile.TemporaryDirectory(dir=data.parent, prefix=f".{data.name}.bases-") as name:
        unpack_chain(programs, [_fetched(catalogue, one, Path(name) / str(i)) for i, one in enumerate(chain)], data)
    with tempfile.TemporaryDirectory(dir=data.parent, prefix=f".{data.name}.log-") as name:
        folder = Path(name)
        if programs.account:
            programs.account.owns(folder)
        with SegmentWriter(folder) as writer:
            log = collect(catalogue, way, writer.write)
        for file, text in log.histories.items():
            write_private(folder / file, text)
        for path in folder.iterdir():
            path.chmod(0o600)
            if programs.account:
                programs.account.owns(path)
        signal = data / "recovery.signal"
        touch_private(signal)
        if programs.account:
            programs.account.owns(signal)
        say(f"replaying {log.bytes / 1e6:.1f} MB of log")
        recovered = Recovered(data, way, log)
        _run_recovery(Cluster(programs, data), folder, recovered, at, log_file, then)
    return recovered


def _run_recovery(
    cluster: Cluster,
    folder: Path,
    recovered: Recovered,
    at: float | None,
    log_file: Path | None,
    then: Callable[[str, Log], None],
) -> None:
    log = recovered.log
    target = "current" if log.timeline == recovered.way.base.timeline else str(log.timeline)
    options = {
        "restore_command": f'cp "{folder}/%f" "%p"', "recovery_target_timeline": target, "hot_standby": "off",
        "recovery_target_action": "promote",
    }  # fmt: skip
    moment = {"recovery_target_time": utc(at)} if at is not None else {}
    try:
        with _server(cluster, {**options, **moment}, log_file) as (conninfo, _):
            recovered.note = check(conninfo)
            then(conninfo, log)
    except TargetBeyondEnd:  # everything there is happened before that moment
        touch_private(cluster.data / "recovery.signal")
        if cluster.programs.account:
            cluster.programs.account.owns(cluster.data / "recovery.signal")
        with _server(cluster, options, log_file) as (conninfo, _):
            recovered.note = check(conninfo)
            then(conninfo, log)


class TargetBeyondEnd(Exception):
    """The moment asked for is later than the last thing in the log."""


@contextmanager
def _server(cluster: Cluster, options: dict[str, str], log_file: Path | None) -> Iterator[tuple[str, Path]]:
    with tempfile.NamedTemporaryFile(prefix="recovery-", suffix=".log", dir=cluster.data.parent, delete=False) as own:
        messages = Path(own.name)
    try:
        with cluster.private_server(messages, seconds=RECOVERY_SECONDS, options=options) as conninfo:
            yield conninfo, messages
    except ClusterError as error:
        text = messages.read_text(errors="replace")
        if TOO_EARLY in text:
            raise TargetBeyondEnd from None
        fatal = [line for line in text.splitlines() if "FATAL" in line or "PANIC" in line]
        raise Unusable(fatal[-1].partition("FATAL:")[2].strip() if fatal else str(error)) from None
    finally:
        if log_file:
            with open_private(log_file, "ab") as file:
                file.write(messages.read_bytes())
        messages.unlink(missing_ok=True)


def check(conninfo: str) -> str:
    """Check every index of every database against its table; returns what was done. Raises Unusable.

    amcheck is installed for the length of one transaction only, so that nothing of it stays.
    """
    count, thorough = 0, True
    try:
        with psycopg.connect(guarded(conninfo), autocommit=True) as connection:
            rows = connection.execute(
                "SELECT datname, pg_catalog.pg_database_size(oid) FROM pg_catalog.pg_database"
                " WHERE datallowconn AND NOT datistemplate"
            ).fetchall()
        for name, size in rows:
            thorough = size <= LARGEST_THOROUGH_BYTES
            with psycopg.connect(guarded(conninfo, dbname=name)) as connection:
                connection.execute(
                    "DROP EXTENSION IF EXISTS amcheck CASCADE"
                )  # in whatever schema, of others' functions
                connection.execute("CREATE EXTENSION amcheck WITH SCHEMA pg_catalog")
                count += len(connection.execute(EVERY_INDEX, [thorough]).fetchall())
                connection.rollback()
    except psycopg.Error as error:
        raise Unusable(f"amcheck: {str(error).strip().splitlines()[0]}") from None
    return f"{count} indexes checked{' against their tables' if thorough else ''}"


@dataclass(frozen=True)
class BaseFiles:
    """Where the files of a base are; ``log`` is None where ``archive`` holds the log too."""

    archive: Path
    manifest: Path
    log: Path | None = None


def _fetched(catalogue: Catalogue, base: Base, folder: Path) -> BaseFiles:
    """The files of ``base``, brought into the new local ``folder``: a drive may stop answering while they are read."""

    def found(name: str) -> Path:
        catalogue.drive.fetch(catalogue.file(f"{base.folder}/{name}"), folder / name)
        return folder / name

    folder.mkdir(mode=PRIVATE_FOLDER)
    log = found(LOG_ARCHIVE) if LOG_ARCHIVE in base.files else None
    return BaseFiles(found(ARCHIVE), found(POSTGRES_MANIFEST), log)


def unpack_chain(programs: Programs, bases: list[BaseFiles], data: Path) -> None:
    """The ``bases``, a full one first, put together as the data directory ``data``, which is verified by
    PostgreSQL's own manifest. Raises Unusable."""
    if len(bases) == 1:
        unpack(programs, bases[0], data)
    else:
        with tempfile.TemporaryDirectory(dir=data.parent, prefix=f".{data.name}.chain-") as name:
            data.mkdir(mode=0o700)
            if programs.account:
                programs.account.owns(Path(name))
                programs.account.owns(data)
            steps = [Path(name) / str(number) for number in range(len(bases))]
            for base, step in zip(bases, steps, strict=True):
                unpack(programs, base, step)
            try:
                programs.run(
                    "pg_combinebackup", "--link", "--no-sync", *steps, "-o", data, timeout=RECOVERY_SECONDS
                )  # fmt: skip
            except ProgramFailed as error:
                raise Unusable(error.why.splitlines()[-1]) from None
    try:
        programs.run("pg_verifybackup", "-n", data, timeout=RECOVERY_SECONDS)
    except ProgramFailed as error:
        raise Unusable(error.why.splitlines()[0]) from None
    (data / POSTGRES_MANIFEST).unlink()
    try:
        Cluster(programs, data).replace_settings()
    except OSError as error:
        raise AnywhereError(f"cannot make the database folder {data}", why=reason(error)) from error


def unpack(programs: Programs, base: BaseFiles, data: Path) -> None:
    """The files of ``base`` and its manifest, in the new folder ``data``. Raises Unusable."""
    try:
        make_folder(data, PRIVATE_FOLDER)
        if programs.account:
            programs.account.owns(data)
        manifest = data / POSTGRES_MANIFEST
        write_private(manifest, base.manifest.read_bytes())
        if programs.account:
            programs.account.owns(manifest)
        _untar(programs, base.archive, data)
        if base.log is not None:
            _untar(programs, base.log, data / "pg_wal")
    except OSError as error:
        raise AnywhereError(f"cannot make the database folder {data}", why=reason(error)) from error


def _untar(programs: Programs, packed: Path, folder: Path) -> None:
    who = programs.account
    demoted: dict[str, object] = {"user": who.uid, "group": who.gid, "extra_groups": []} if who else {}
    with packed.open("rb") as archive:  # opened by us: a mounted drive is often closed to others
        done = subprocess.run(
            ["tar", "-xzf", "-", "-C", str(folder)], stdin=archive, cwd="/", capture_output=True, text=True,
            check=False, **demoted,
        )  # type: ignore[call-overload]  # fmt: skip
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()
        if "space" in done.stderr:
            raise AnywhereError(f"cannot make the database folder {folder}", why=words[0])
        raise Unusable(f"{packed.name}: {words[0] if words else 'tar failed'}")


class SegmentWriter:
    """Writes pieces of the log into files as PostgreSQL names them, the rest of each filled with zeros."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, int] = {}

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(self, *error: object) -> None:
        for descriptor in self._files.values():
            os.close(descriptor)

    def write(self, one: Incarnation, position: int, raw: bytes) -> None:
        """``raw`` is what stands at ``position`` of the log of ``one``."""
        size = one.segments.size
        while raw:
            name, offset = one.segments.name(one.timeline, position), position % size
            piece = raw[: size - offset]
            os.pwrite(self._open(name, size), piece, offset)
            raw, position = raw[len(piece) :], position + len(piece)

    def _open(self, name: str, size: int) -> int:
        if name not in self._files:
            if len(self._files) > 64:  # far from any limit on open files; they can be opened again
                for descriptor in self._files.values():
                    os.close(descriptor)
                self._files.clear()
            self._files[name] = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
            os.truncate(self._files[name], size)
        return self._files[name]


def check_room(data: Path, packed_bytes: int) -> None:
    """Raise AnywhereError unless ``data`` has room for what ``packed_bytes`` of bases unpack to (a guess)."""
    wanted = 8 * packed_bytes
    place = next(one for one in data.parents if one.exists())
    free = shutil.disk_usage(place).free
    if free < wanted:
        raise AnywhereError(
            f"no room to restore to {data}", why=f"{free / 1e6:.0f} MB free, about {wanted / 1e6:.0f} MB needed",
            run="free some space, or set PGDATA_DIR to another disk",
        )  # fmt: skip
