"""Base backups: taken to local disk by pg_basebackup, then published file by file, their manifest last."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import tarfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder, write_private
from metaflow_anywhere.postgres import ProgramFailed, Programs
from metaflow_anywhere.state.catalogue import Base
from metaflow_anywhere.state.documents import sealed
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import MANIFEST, base_name
from metaflow_anywhere.state.lsn import parse_lsn
from metaflow_anywhere.state.server import Identity, Server, ServerGone

ARCHIVE = "base.tar.gz"
LOG_ARCHIVE = "pg_wal.tar.gz"  # older bases have their log in ARCHIVE
STATUS_SECONDS = 1  # how often the log's receiver says what it has, so that the database need not keep it longer
BACKUP_SECONDS = 3600.0
COMPRESSION = "server-gzip:1"  # the wheel's PostgreSQL has no other; higher levels are three times slower for 8 % less
POSTGRES_MANIFEST = "backup_manifest"


@dataclass(frozen=True)
class Since:
    """A published base that an incremental one can hold the changes since, and PostgreSQL's manifest of it."""

    base: Base
    manifest: bytes


def take_base(programs: Programs, conninfo: str, identity: Identity, stage: Path, since: Since | None = None) -> Base:
    """Back the server at ``conninfo`` up into the local folder ``stage``, which is made anew; it has no ``folder`` yet.

    With ``since`` only what changed is taken, for which the server must have summarized its log. Raises ProgramFailed.
    """
    shutil.rmtree(stage, ignore_errors=True)
    make_folder(stage, PRIVATE_FOLDER, PRIVATE_FOLDER)
    increment = []
    if since is not None:
        manifest = stage.with_name(f"{stage.name}.since")
        write_private(manifest, since.manifest)
        increment = [f"--incremental={manifest}"]
    ourselves = Account(os.geteuid(), os.getegid()) if programs.account else None  # who may read the password's file
    programs.run(
        "pg_basebackup", "-d", conninfo, "-D", stage, "-Ft", "-X", "stream", "-c", "fast", "--no-sync",
        f"--compress={COMPRESSION}", f"--status-interval={STATUS_SECONDS}", *increment, timeout=BACKUP_SECONDS,
        account=ourselves,
    )  # fmt: skip
    found = json.loads((stage / POSTGRES_MANIFEST).read_text())["WAL-Ranges"][-1]
    base = Base(
        "", identity.system, int(found["Timeline"]), parse_lsn(found["Start-LSN"]), parse_lsn(found["End-LSN"]),
        identity.segments, identity.postgres, time.time(), {}, since.base.folder if since else None,
    )  # fmt: skip
    _complete_log(conninfo, stage, base)
    return base


def _complete_log(conninfo: str, stage: Path, base: Base) -> None:
    """Pack the log that was streamed beside the backup, its last segment whole. Raises ProgramFailed.

    The stream ends with the backup, anywhere in a segment. The database ends that segment then; what others committed
    into its rest belongs to the base as well, for its log is known to go to ``log_end``.
    """
    plain = stage / LOG_ARCHIVE.removesuffix(".gz")
    if base.end < base.log_end:
        name = base.segments.name(base.timeline, base.end)
        server = Server(conninfo)
        try:
            whole = server.segment(name)
        except ServerGone as gone:
            raise ProgramFailed("pg_basebackup failed", why=f"the last of its log cannot be read: {gone}") from None
        finally:
            server.close()
        with tarfile.open(plain, "a") as archive:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(whole), 0o600
            archive.addfile(member, io.BytesIO(whole))  # the later of two of one name is what unpacking leaves
    with plain.open("rb") as source, gzip.open(stage / LOG_ARCHIVE, "wb", compresslevel=1) as packed:
        shutil.copyfileobj(source, packed, 1 << 20)
    plain.unlink()


def publish_base(drive: Drive, stage: Path, base: Base, below: str, folder: str | None = None) -> Base:
    """Put the staged ``base`` on the drive, below ``below``; it counts once its manifest is there. Raises DriveError.

    What was written is read back before: a base whose bytes the drive did not keep must not replace an older one.
    """
    folder = folder or f"{below}/{base_name(base.start)}"
    files = {}
    for path in sorted(stage.iterdir()):
        files[path.name] = {"sha256": drive.put_back(f"{folder}/{path.name}", path), "bytes": path.stat().st_size}
    done = replace(base, folder=folder, files=files)
    drive.put(f"{folder}/{MANIFEST}", sealed(done.document()))
    shutil.rmtree(stage, ignore_errors=True)
    return done
