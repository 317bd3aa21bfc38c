"""Drives that are full, gone or slow, and machines that take over: the database goes on, and nothing is overwritten."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import FENCED
from metaflow_anywhere.state.lease import take_lease
from metaflow_anywhere.state.standing import Standing
from tests.state.lab import Machine, eventually
from tests.state.mirroring import Mirroring
from tests.state.trial import MODEL, PRODUCT_PACE

MIRRORED = Mirroring


def say(machine: Machine, count: int = 1) -> None:
    with machine.connect() as connection:
        for _ in range(count):
            connection.execute("INSERT INTO t (said) VALUES ('x')")


def count(machine: Machine) -> int:
    with machine.connect() as connection:
        row = connection.execute("SELECT count(*) FROM t").fetchone()
    assert row
    return int(row[0])


def await_state(machine: Machine, state: str) -> Standing:
    found: Standing = eventually(lambda: (now := machine.standing) and now.state == state and now, f"the state {state}")
    return found


def modelled(machine: Machine, drive: Drive, **options: object) -> Mirroring:
    told = machine.mirroring(drive)
    told.drive_class, told.drive_options = MODEL, dict(options)
    return told


def assert_all_restored(machine: Machine, drive: Drive, other: Machine) -> None:
    wanted = count(machine)
    machine.await_mirrored()
    machine.kill()
    other.restore(drive)
    other.start()
    assert count(other) == wanted


def test_a_full_drive_stops_nothing_and_is_caught_up_with(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive, place: Path
) -> None:
    full = place / "full"
    machine.mirror(drive, modelled(machine, drive, full=str(full)))
    full.touch()
    say(machine, 20)
    told = await_state(machine, "degraded")
    assert told.problem
    assert "No space left" in told.problem
    assert told.since > time.time() - 30
    assert list(drive.root.rglob("*.tmp")) == []
    say(machine, 20)
    full.unlink()
    await_state(machine, "current")
    assert_all_restored(machine, drive, new_machine())


def test_a_drive_that_goes_and_comes_back(machine: Machine, new_machine: Callable[[], Machine], drive: Drive) -> None:
    machine.mirror(drive)
    away = drive.root.with_name("away")
    drive.root.rename(away)
    say(machine, 20)
    told = await_state(machine, "degraded")
    assert "is the drive still mounted?" in (told.problem or "")
    assert not drive.root.exists(), "a folder was made where the drive should be"
    away.rename(drive.root)
    await_state(machine, "current")
    assert_all_restored(machine, drive, new_machine())


def test_log_that_was_thrown_away_meanwhile_is_made_up_for_by_a_new_base(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    with machine.connect() as connection:
        connection.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '2MB'")
        connection.execute("SELECT pg_reload_conf()")
    machine.mirror(drive)
    assert machine.standing
    bases = machine.standing.bases
    away = drive.root.with_name("away")
    drive.root.rename(away)
    say(machine)
    await_state(machine, "degraded")
    with machine.connect() as connection:
        for _ in range(12):
            connection.execute("INSERT INTO t (said) SELECT repeat(md5(n::text), 40) FROM generate_series(1, 2000) n")
            connection.execute("CHECKPOINT")
    away.rename(drive.root)
    eventually(lambda: (now := machine.standing) and now.bases > bases and now.state == "current", "a new base")
    say(machine)
    assert_all_restored(machine, drive, new_machine())


def test_a_slow_drive_stops_nothing(machine: Machine, new_machine: Callable[[], Machine], drive: Drive) -> None:
    """Two seconds an operation, at the product's own pace."""
    machine.mirror(drive)
    machine.end_sync()
    machine.await_sync()
    told = modelled(machine, drive, latency=2.0)
    told.pace = PRODUCT_PACE
    machine.start_sync(told)
    began = time.monotonic()
    say(machine, 50)
    assert time.monotonic() - began < 5, "commits waited for the drive"
    assert_all_restored(machine, drive, new_machine())


def test_at_the_products_own_pace_the_older_machine_stops_within_two_seconds_of_seeing_the_lease(
    machine: Machine, drive: Drive
) -> None:
    told = machine.mirroring(drive)
    told.pace = PRODUCT_PACE
    one = machine.mirror(drive, told)
    busy = threading.Thread(target=commit_until_refused, args=[machine])
    busy.start()
    taken = time.monotonic()
    take_lease(drive)
    eventually((drive.root / str(one.name) / FENCED).exists, "a sign that the lease was seen", 10)
    seen = time.monotonic()
    eventually(lambda: machine.cluster.server_pid() is None, "the end of the older database", 10)
    stopped = time.monotonic()
    busy.join()
    assert seen - taken < 2, "the lease is looked at every second"
    assert stopped - seen < 2


def commit_until_refused(machine: Machine) -> None:
    with contextlib.suppress(psycopg.Error), machine.connect() as connection:
        while True:
            connection.execute("INSERT INTO t (said) VALUES ('still here')")


def test_a_mirror_that_is_killed_goes_on_where_it_was(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    machine.mirror(drive)
    for _ in range(3):
        say(machine, 5)
        assert machine.sync
        machine.sync.kill()
        machine.sync.wait()
        say(machine, 5)
        machine.start_sync(machine.mirroring(drive))
    assert_all_restored(machine, drive, new_machine())


def test_a_database_that_crashes_is_followed_further(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    machine.mirror(drive)
    say(machine, 5)
    sync, machine.sync = machine.sync, None
    machine.kill()
    machine.sync = sync
    await_state(machine, "waiting")
    machine.run_server()
    say(machine, 5)
    await_state(machine, "current")
    assert_all_restored(machine, drive, new_machine())


def test_a_busy_database_writes_a_file_a_tick_and_not_one_a_commit(machine: Machine, drive: Drive) -> None:
    machine.mirror(drive, machine.mirroring(drive, tick=0.5, merge_at=1000))
    before, began = len(list(drive.root.rglob("*.w1"))), time.monotonic()
    while time.monotonic() - began < 3:
        say(machine)
    machine.await_mirrored()
    ticks = (time.monotonic() - began) / 0.5
    assert 1 < len(list(drive.root.rglob("*.w1"))) - before <= ticks + 2


def test_an_idle_database_writes_nothing(machine: Machine, drive: Drive) -> None:
    machine.mirror(drive)
    say(machine)
    with machine.connect() as connection:
        connection.execute("CHECKPOINT")
    machine.await_mirrored()
    settled = None
    while settled != (settled := sorted(drive.root.rglob("*"))):
        time.sleep(2)  # the time in which nothing must happen
    assert settled


def test_the_older_of_two_machines_stops_and_overwrites_nothing(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    machine.mirror(drive)
    say(machine, 5)
    machine.await_mirrored()
    other = new_machine()
    other.restore(drive)
    taken = time.monotonic()
    eventually(lambda: machine.cluster.server_pid() is None, "the end of the older database", 10)
    assert time.monotonic() - taken < 2
    assert "taken over" in (await_state(machine, "fenced").problem or "")
    with pytest.raises(psycopg.OperationalError):
        machine.connect()
    other.start()
    other.mirror(drive)
    say(other, 3)
    assert count(other) == 8
    folders = sorted(path.name for path in drive.root.glob("inc-*"))
    assert len(folders) == 2
    assert (drive.root / folders[0] / "FENCED.json").exists()
    assert_all_restored(other, drive, new_machine())


def test_what_the_older_machine_committed_until_it_stopped_is_taken_along(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    from metaflow_anywhere.state.restore import Wanted, restore

    told = machine.mirroring(drive, tick=30.0, look=30.0)  # ships so rarely that all of it is behind
    machine.mirror(drive, told)
    say(machine, 5)
    other = new_machine()
    newest = max(drive.root.glob("inc-*/wal/*.w1"), key=lambda path: path.stat().st_mtime)
    newest.touch()  # written a moment ago: somebody may be alive
    restore(other.programs, drive, other.cluster.data, Wanted(), say=print, handover=10.0)
    other.start()
    assert count(other) == 5
