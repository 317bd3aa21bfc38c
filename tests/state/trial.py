"""One trial: a machine under load is lost at a random moment, another is brought up from what the drive has."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.recovery import Unusable, check
from tests.state.lab import PROJECT, Machine, eventually
from tests.state.load import prepare
from tests.state.mirroring import Mirroring

MODEL = "tests.state.drive_model:DriveModel"
PRODUCT_PACE: dict[str, Any] = {}  # the product's own


@dataclass(frozen=True)
class Conditions:
    """``kind`` of load (small, heavy); ``latency`` of the drive, s; ``cloud``: late, unordered uploads; ``seconds`` of
    work before the end; ``end``: kill, down, or shutdown (SIGTERM to all)."""

    kind: str = "small"
    latency: float = 0.0
    cloud: bool = False
    seconds: tuple[float, float] = (2.0, 5.0)
    end: str = "kill"


@dataclass
class Outcome:
    """What came back: ``lost_s`` from the first acknowledged commit that is missing to the end."""

    started: bool = False
    sound: bool = False
    checksums: bool = False
    holes: int = 0
    acknowledged: int = 0
    lost: int = 0
    lost_s: float = 0.0
    restore_s: float = 0.0
    problem: str = ""
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether what came back is a sound, gapless prefix of what was acknowledged."""
        return self.started and self.sound and self.checksums and not self.holes


def trial(new_machine: Callable[[], Machine], place: Path, conditions: Conditions) -> Outcome:
    """Work, end, restore on a new machine, and look."""
    machine = new_machine()
    drive = Drive(place / "drive" / "pg")
    cloud = place / "cloud" / "pg"
    options: dict[str, Any] = {"latency": conditions.latency, "cloud": str(cloud) if conditions.cloud else None}
    machine.create()
    machine.start()
    prepare(machine.conninfo, conditions.kind)
    told = machine.mirroring(drive)
    told = Mirroring(**{**vars(told), "drive_class": MODEL, "drive_options": options, "pace": PRODUCT_PACE})
    machine.mirror(drive, told)
    if conditions.cloud:
        bring_claim(drive.root, cloud)
        eventually(lambda: list(cloud.glob("inc-*/base-*/MANIFEST.json")), "the upload of the first base")
    record, load = start_load(machine, conditions.kind)
    time.sleep(random.uniform(*conditions.seconds))
    ended = end(machine, load, conditions.end)
    outcome = Outcome()
    other = new_machine()
    began = time.monotonic()
    try:
        report = other.restore(Drive(cloud) if conditions.cloud else drive)
    except AnywhereError as error:
        outcome.problem = str(error)
        return outcome
    outcome.restore_s = time.monotonic() - began
    outcome.sound = "indexes checked against their tables" in report.note
    outcome.faults = [str(fault) for fault in report.faults]
    look(other, record, ended, outcome)
    return outcome


def bring_claim(root: Path, cloud: Path) -> None:
    """What was claimed before the drive's model began to upload is in the cloud as well."""
    for path in root.glob("**/*.json"):
        target = cloud / path.relative_to(root)
        if not target.exists() and path.name in ("LEASE.json", "INC.json", "INC2.json"):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def start_load(machine: Machine, kind: str) -> tuple[Path, subprocess.Popen[bytes]]:
    """Start the writer; returns its record and process once it has committed something."""
    record = machine.folder / "acknowledged"
    load = subprocess.Popen(
        [sys.executable, "-m", "tests.state.load", machine.conninfo, str(record), kind], cwd=PROJECT,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    eventually(lambda: record.exists() and record.stat().st_size, "a first commit")
    return record, load


def end(machine: Machine, load: subprocess.Popen[bytes], how: str) -> float:
    """End the machine as ``how`` says; returns when its last commit can have been."""
    if how == "kill":
        ended = time.time()
        machine.kill()
        load.kill()
    elif how == "shutdown":  # everything is asked at the same moment
        machine.end_sync(machine_goes=True)
        load.send_signal(signal.SIGTERM)
        machine.stop()
        ended = time.time()
        machine.await_sync()
    else:  # as `down`: the mirror first, then the database, then what is left of the log
        from metaflow_anywhere.state.ending import flush
        from metaflow_anywhere.state.life import read_life

        machine.end_sync()
        machine.await_sync()
        machine.stop()
        ended = time.time()
        load.kill()
        life = read_life(machine.cluster.data)
        assert life
        drive = Drive(machine.folder.parent / "drive" / "pg")
        assert flush(drive, machine.cluster, life.incarnation)
    load.wait(60)
    return ended


def look(other: Machine, record: Path, ended: float, outcome: Outcome) -> None:
    """Compare what came back with what was acknowledged."""
    lines = [line.split() for line in record.read_text().splitlines()]
    times = [float(line[1]) for line in lines if len(line) == 2]
    outcome.acknowledged = len(times)
    checksums = other.programs.path("pg_checksums")
    outcome.checksums = (
        subprocess.run(
            other.programs.command("pg_checksums", "--check", "-D", other.cluster.data),
            capture_output=True,
            check=False,
        ).returncode
        == 0
        and checksums.exists()
    )
    try:
        other.start()
        outcome.started = True
        with other.connect() as connection:
            row = connection.execute("SELECT count(*), coalesce(max(id), 0) FROM t").fetchone()
        assert row
        count, newest = row
        outcome.holes = newest - count
        outcome.lost = max(0, len(times) - newest)
        outcome.lost_s = max(0.0, ended - times[newest]) if outcome.lost else 0.0
    except (psycopg.Error, AssertionError) as error:
        outcome.problem = str(error).splitlines()[0]


def slowed(seconds: float) -> list[str]:
    """What goes before a command so that each change it makes to a folder takes ``seconds``."""
    calls = "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"
    delay = f"inject={calls}:delay_enter={int(seconds * 1e6)}"
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", delay]


def rsync_trial(new_machine: Callable[[], Machine], place: Path, conditions: Conditions) -> Outcome:
    """The same with what people do today: the live data directory is copied over and over by rsync, at 20 MB/s.

    The drive's ``latency`` is that of each rename, unlink and mkdir, which strace makes wait.
    """
    machine = new_machine()
    machine.create()
    machine.start()
    prepare(machine.conninfo, conditions.kind)
    copy = place / "copy"
    command = ["rsync", "-a", "--delete", "--bwlimit=20m", f"{machine.cluster.data}/", f"{copy}/"]
    subprocess.run(command, check=False, capture_output=True)
    record, load = start_load(machine, conditions.kind)
    deadline = time.monotonic() + random.uniform(*conditions.seconds)
    running = None
    delayed = [*slowed(conditions.latency), *command] if conditions.latency else command
    while time.monotonic() < deadline:
        if running is None or running.poll() is not None:
            running = subprocess.Popen(
                delayed, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )
        time.sleep(0.02)
    ended = time.time()
    if running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    machine.kill()
    load.kill()
    load.wait()
    other = new_machine()
    outcome = Outcome()
    shutil.copytree(copy, other.cluster.data)
    with contextlib.suppress(FileNotFoundError):
        (other.cluster.data / "postmaster.pid").unlink()
    other.cluster.data.chmod(0o700)
    if other.programs.account:
        for path in (other.cluster.data, *other.cluster.data.rglob("*")):
            other.programs.account.owns(path)
    try:
        with other.cluster.private_server(other.folder / "log") as conninfo:
            outcome.sound = bool(check(conninfo))
    except Unusable as why:
        outcome.problem = str(why)
    except AnywhereError as error:
        outcome.problem = str(error)
        return outcome
    with contextlib.suppress(AnywhereError, AssertionError):
        look(other, record, ended, outcome)
    return outcome
