"""Snapshots hold what they say, are listed, verified, restored and deleted; damage is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.state.drill import drill
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.restore import Wanted
from metaflow_anywhere.state.snapshots import delete_snapshot, find_snapshot, snapshots, take_snapshot
from tests.state.lab import Machine


def take(machine: Machine, drive: Drive, name: str | None = None) -> str:
    done = take_snapshot(
        machine.programs, drive, machine.conninfo, machine.conninfo, machine.folder / "snap-stage", name
    )
    return done.folder


def rows(machine: Machine) -> int:
    with machine.connect() as connection:
        row = connection.execute("SELECT count(*) FROM t").fetchone()
    assert row
    return int(row[0])


def fill(machine: Machine, count: int) -> None:
    with machine.connect() as connection:
        connection.execute("INSERT INTO t (said) SELECT 'x' FROM generate_series(1, %s)", [count])


def test_settings_that_another_machine_wrote_do_not_decide(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    drive.prepare()
    for name, line in (
        ("postgresql.conf", "shared_memory_type = 'no such type'"), ("postgresql.auto.conf", "timezone = 'Mars'"),
        ("pg_hba.conf", "no rule"), ("pg_ident.conf", "/(bad x y"),
    ):  # fmt: skip
        with (machine.cluster.data / name).open("a") as file:
            file.write(f"\n{line}\n")
    fill(machine, 3)
    take(machine, drive, "foreign")
    (one,) = snapshots(drive)
    machine.kill()
    other = new_machine()
    other.restore(drive, Wanted(base=one.folder))
    other.start()
    assert rows(other) == 3


def test_a_snapshot_is_verified_and_restored(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    drive.prepare()
    machine.mirror(drive)
    fill(machine, 100)
    take(machine, drive, "hundred")
    fill(machine, 50)
    machine.await_mirrored()
    (one,) = snapshots(drive)
    assert (one.name, one.rows, one.verified, one.damage) == ("hundred", 100, None, [])
    done = drill(machine.programs, drive, machine.folder / "drill", "postgres", one)
    assert done.rows == 100
    assert not (machine.folder / "drill").exists()
    assert find_snapshot(drive, "hundred").verified
    newest = drill(machine.programs, drive, machine.folder / "drill", "postgres")
    assert newest.rows == 150
    machine.kill()

    other = new_machine()
    asked: list[str] = []
    other.restore(drive, Wanted(base=one.folder), skip=asked.append)
    assert len(asked) == 1, "numbers that the abandoned history gave are not skipped"
    other.start()
    assert rows(other) == 100
    with pytest.raises(AnywhereError, match="still needed"):
        delete_snapshot(drive, "hundred")
    other.mirror(drive)
    fill(other, 1)
    other.await_mirrored()
    other.kill()

    third = new_machine()
    third.restore(drive)
    third.start()
    assert rows(third) == 101
    delete_snapshot(drive, "hundred")
    assert snapshots(drive) == []


def test_a_damaged_snapshot_is_told(machine: Machine, drive: Drive) -> None:
    drive.prepare()
    folder = take(machine, drive, "mine")
    archive = drive.root / folder / "base.tar.gz"
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    (one,) = snapshots(drive, thorough=True)
    assert one.damage == [f"{folder}/base.tar.gz: its content does not match its digest"]
    with pytest.raises(AnywhereError, match="is damaged"):
        drill(machine.programs, drive, machine.folder / "drill", "postgres", one)
    archive.write_bytes(data[:1000])
    (one,) = snapshots(drive)
    assert "has another size" in one.damage[0]


def test_rows_that_do_not_match_fail_the_drill(machine: Machine, drive: Drive) -> None:
    """A document that claims more than is there: as if the backup had lost rows."""
    from metaflow_anywhere.state.documents import sealed, unsealed

    drive.prepare()
    fill(machine, 3)
    folder = take(machine, drive, "mine")
    path = drive.root / folder / "SNAPSHOT.json"
    document = unsealed(path.read_bytes())
    document["before"] = document["after"] = {"public.t": 4}
    path.write_bytes(sealed(document))
    with pytest.raises(AnywhereError, match=r"public\.t has 3 rows, and had 4 to 4"):
        drill(machine.programs, drive, machine.folder / "drill", "postgres", find_snapshot(drive, "mine"))
    assert json.loads(path.read_text())["name"] == "mine"


def test_names(machine: Machine, drive: Drive, place: Path) -> None:
    drive.prepare()
    take(machine, drive, "mine")
    with pytest.raises(AnywhereError, match="already"):
        take(machine, drive, "mine")
    with pytest.raises(AnywhereError, match="cannot be a snapshot's name"):
        take(machine, drive, "../mine")
    with pytest.raises(AnywhereError, match="there are: mine"):
        find_snapshot(drive, "yours")
