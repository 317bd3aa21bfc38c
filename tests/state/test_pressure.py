"""The mirror under heavy writing: slots that the database gives up, log that is dropped at once, bases all the time."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.state.bases import publish_base
from metaflow_anywhere.state.catalogue import Base, Catalogue
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.lsn import parse_lsn
from metaflow_anywhere.state.server import SLOT, Server
from metaflow_anywhere.state.ways import ways
from tests.state.lab import Machine, eventually

HEAVY = (
    "INSERT INTO t (said) SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 12000) n GROUP BY n % 200"
)
EAGER = {"increment_from": 1, "base_pause": 0.0, "base_bytes": 1, "grace": 0.0}


def settle(machine: Machine, **settings: str) -> None:
    with machine.connect() as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        connection.execute("SELECT pg_reload_conf()")


def rows(machine: Machine) -> tuple[int, str]:
    with machine.connect() as connection:
        row = connection.execute("SELECT count(*), md5(string_agg(said, ',' ORDER BY id)) FROM t").fetchone()
    assert row
    return row[0], row[1]


def assert_comes_back(machine: Machine, drive: Drive, other: Machine) -> None:
    wanted, goal = rows(machine), machine.flushed()
    eventually(lambda: (now := machine.standing) and now.position >= goal and now.state == "current", "the mirror")
    machine.kill()
    assert not other.restore(drive).rejected
    other.start()
    assert rows(other) == wanted


@contextmanager
def heavy_writing(machine: Machine) -> Iterator[None]:
    """Some MB of log each second, which the database drops as soon as it may."""
    done = threading.Event()

    def write() -> None:
        with machine.connect() as connection:
            while not done.is_set():
                connection.execute(HEAVY.encode())
                connection.execute("CHECKPOINT")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_slot_that_the_database_gave_up_is_made_anew_at_once_with_a_base(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    """The database gives up a slot that is idle for a second; its log is still there."""
    machine.mirror(drive)
    assert machine.standing
    bases = machine.standing.bases
    settle(machine, idle_replication_slot_timeout="1s")

    def is_lost() -> bool:
        with machine.connect() as connection:
            connection.execute("CHECKPOINT")
            found = connection.execute("SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", [SLOT])
            return found.fetchone() == ("lost",) or "with a new base" in machine.sync_log.read_text()

    eventually(is_lost, "the end of the slot")
    settle(machine, idle_replication_slot_timeout="0")
    with machine.connect() as connection:
        connection.execute(HEAVY.encode())
    eventually(lambda: (now := machine.standing) and now.bases > bases and now.state == "current", "a new base")
    assert "with a new base" in machine.sync_log.read_text()
    assert_comes_back(machine, drive, new_machine())


def test_a_base_of_an_earlier_version_has_its_log_inside_and_comes_back(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    machine.mirror(drive)
    one = Catalogue(drive).newest
    assert one
    server = Server(machine.conninfo)
    identity = server.identity()
    server.close()
    stage = machine.folder / "earlier"
    options = ["-Ft", "-X", "fetch", "-c", "fast", "--compress=server-gzip:1"]
    ourselves = Account(os.geteuid(), os.getegid())
    machine.programs.run("pg_basebackup", "-d", machine.conninfo, "-D", stage, *options, account=ourselves)
    found = json.loads((stage / "backup_manifest").read_text())["WAL-Ranges"][-1]
    start, end = parse_lsn(found["Start-LSN"]), parse_lsn(found["End-LSN"])
    base = Base("", identity.system, 1, start, end, identity.segments, identity.postgres, time.time(), {})
    done = publish_base(drive, stage, base, str(one.name))
    assert "pg_wal.tar.gz" not in done.files
    assert next(ways(Catalogue(drive))).base == done
    assert_comes_back(machine, drive, new_machine())


def test_bases_and_the_mirror_go_on_while_the_database_drops_its_log_at_once(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    settle(machine, max_wal_size="2MB", min_wal_size="2MB", max_slot_wal_keep_size="24MB")
    machine.mirror(drive, machine.mirroring(drive, **EAGER))
    assert machine.standing
    bases = machine.standing.bases
    with heavy_writing(machine):
        eventually(lambda: (now := machine.standing) and now.bases >= bases + 3, "three bases")
    eventually(lambda: (now := machine.standing) and now.state == "current", "the mirror")
    said = machine.sync_log.read_text()
    assert "already been removed" not in said
    assert_comes_back(machine, drive, new_machine())
