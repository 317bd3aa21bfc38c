"""Incremental bases: a large database is not backed up whole each time, and comes back from all its parts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from metaflow_anywhere.postgres import Programs
from metaflow_anywhere.state.base_keeper import LONGEST_CHAIN
from metaflow_anywhere.state.catalogue import Base, Catalogue
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.restore import Report
from metaflow_anywhere.state.ways import collect, ways
from tests.state.lab import Machine, eventually, machines

FILL = "INSERT INTO t (said) SELECT md5(random()::text) || md5(random()::text) FROM generate_series(1, 4000)"
EAGER = {"increment_from": 1, "base_pause": 0.0, "base_bytes": 1, "grace": 0.0}


def bases(drive: Drive) -> list[Base]:
    """Every whole base of the newest incarnation, oldest first."""
    catalogue = Catalogue(drive)
    assert catalogue.newest
    found = [catalogue.base(folder) for folder in catalogue.base_folders(catalogue.newest)]
    return [base for base in reversed(found) if base]


def grow(machine: Machine, drive: Drive, until: Callable[[list[Base]], bool], what: str) -> None:
    """Commit until the bases on the drive are as wanted."""

    def grown() -> bool:
        with machine.connect() as connection:
            connection.execute(FILL)
        machine.await_mirrored()
        return until(bases(drive))

    eventually(grown, what)


def sums(machine: Machine) -> tuple[int, str]:
    with machine.connect() as connection:
        row = connection.execute("SELECT count(*), md5(string_agg(said, ',' ORDER BY id)) FROM t").fetchone()
    assert row
    return row[0], row[1]


@dataclass(frozen=True)
class Chained:
    """A mirror whose newest base builds on two others, that has another full base, and what its database held."""

    drive: Drive
    held: tuple[int, str]


@pytest.fixture(scope="module")
def original(programs: Programs, installation: Path) -> Iterator[Chained]:
    with tempfile.TemporaryDirectory(prefix="mfa-", dir="/tmp", ignore_cleanup_errors=True) as name:
        place = Path(name)
        place.chmod(0o755)
        drive = Drive(place / "pg")
        with machines(programs, installation, place) as make:
            machine = make()
            machine.create()
            machine.start()
            with machine.connect() as connection:
                connection.execute("CREATE TABLE t (id bigserial PRIMARY KEY, said text)")
            machine.mirror(drive, machine.mirroring(drive, **EAGER))
            grow(machine, drive, lambda found: len(Catalogue(drive).chain(found[-1]) or []) >= 3, "two increments")
            held = sums(machine)
            machine.shut_down()
        yield Chained(drive, held)


@pytest.fixture
def chained(original: Chained, place: Path) -> Chained:
    """A copy to be restored from or damaged."""
    shutil.copytree(original.drive.root, place / "pg")
    return Chained(Drive(place / "pg"), original.held)


def assert_comes_back(machine: Machine, chained: Chained) -> Report:
    report = machine.restore(chained.drive)
    assert not report.rejected
    assert report.log.complete
    machine.start()
    assert sums(machine) == chained.held
    return report


def test_a_database_comes_back_from_a_full_base_and_its_increments(
    new_machine: Callable[[], Machine], chained: Chained
) -> None:
    report = assert_comes_back(new_machine(), chained)
    assert report.way.base.prior
    assert "indexes checked" in report.note


def test_an_increment_is_smaller_than_what_it_builds_on(original: Chained) -> None:
    full, first, *_ = Catalogue(original.drive).chain(bases(original.drive)[-1]) or []
    assert full.prior is None
    assert first.files["base.tar.gz"]["bytes"] < full.files["base.tar.gz"]["bytes"] / 2


def damage(drive: Drive, which: int) -> Base:
    """Turn one bit of a part of the newest base's chain over; returns that part."""
    damaged = (Catalogue(drive).chain(bases(drive)[-1]) or [])[which]
    archive = drive.root / damaged.folder / "base.tar.gz"
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 8
    archive.write_bytes(data)
    return damaged


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_damaged_part_of_the_chain_is_named_and_a_base_that_does_not_need_it_leads_to_the_end(
    chained: Chained, which: int
) -> None:
    damaged = damage(chained.drive, which)
    catalogue = Catalogue(chained.drive)
    way = next(ways(catalogue))
    assert damaged.folder not in {base.folder for base in catalogue.chain(way.base) or []}
    assert f"{damaged.folder}/base.tar.gz" in {fault.name for fault in catalogue.faults}
    assert collect(catalogue, way).complete


def test_with_the_full_base_damaged_the_other_one_brings_all_of_it_back(
    new_machine: Callable[[], Machine], chained: Chained
) -> None:
    damage(chained.drive, 0)
    assert assert_comes_back(new_machine(), chained).way.base.prior is None


def test_chains_end_and_two_that_share_no_file_are_kept(machine: Machine, drive: Drive) -> None:
    machine.mirror(drive, machine.mirroring(drive, **EAGER))
    roots: list[str] = []

    def a_third_full_base(found: list[Base]) -> bool:
        for base in found:
            chain = Catalogue(drive).chain(base)
            assert chain is None or len(chain) <= LONGEST_CHAIN
            if base.prior is None and base.folder not in roots:
                roots.append(base.folder)
        return len(roots) >= 3

    grow(machine, drive, a_third_full_base, "a third full base")
    eventually(lambda: not (drive.root / roots[0]).exists(), "the end of the oldest chain")
    catalogue = Catalogue(drive)
    left = [catalogue.chain(base) for base in bases(drive)]
    assert {chain[0].folder for chain in left if chain} >= set(roots[1:])
    assert all(catalogue.is_sound(chain[-1]) for chain in left if chain)


def test_without_summaries_of_the_log_a_full_base_is_taken(machine: Machine, drive: Drive) -> None:
    with machine.connect() as connection:
        connection.execute("ALTER SYSTEM SET summarize_wal = off")
        connection.execute("SELECT pg_reload_conf()")
    machine.mirror(drive, machine.mirroring(drive, **EAGER))
    grow(machine, drive, lambda _: "a full base instead" in machine.sync_log.read_text(), "an increment that fails")
    grow(machine, drive, lambda found: len(found) >= 2, "another base")
    assert all(base.prior is None for base in bases(drive))
