"""Files of the mirror that are removed or damaged while it runs: noticed, said, and made up for by a new base."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.state.catalogue import Catalogue
from metaflow_anywhere.state.drill import drill
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.ending import Hole, flush
from metaflow_anywhere.state.layout import WalName
from tests.state.lab import Machine, eventually

SCRUBBING = {"scrub": 0.3, "first_scrub": 0.3, "scrub_again": 0.2, "merge_at": 1000, "upkeep": 3600.0}
SELDOM = {**SCRUBBING, "scrub": 3600.0, "first_scrub": 3600.0}
RANGES = 20


def ranges(drive: Drive) -> list[WalName]:
    catalogue = Catalogue(drive)
    assert catalogue.newest
    return catalogue.wal(catalogue.newest)


def fill(machine: Machine, drive: Drive) -> None:
    """Commits that are mirrored one by one, so that the log lies in many files."""
    enough = len(ranges(drive)) + RANGES
    with machine.connect() as connection:
        while len(ranges(drive)) < enough:
            connection.execute("INSERT INTO t (said) VALUES ('x')")
            machine.await_mirrored()


def make_hole(drive: Drive) -> None:
    """Remove so many neighbours from the middle that no other file holds their bytes."""
    catalogue = Catalogue(drive)
    assert catalogue.newest
    for name in ranges(drive)[-12:-4]:
        drive.delete(f"{catalogue.newest.name}/wal/{name}")


def cut(drive: Drive) -> None:
    """Cut the archive of the newest base off."""
    catalogue = Catalogue(drive)
    assert catalogue.newest
    archive = drive.root / catalogue.base_folders(catalogue.newest)[0] / "base.tar.gz"
    archive.write_bytes(archive.read_bytes()[:1000])


def turn_bits(drive: Drive) -> None:
    """Damage so many neighbouring ranges that no other file holds their bytes; names and sizes stay."""
    catalogue = Catalogue(drive)
    assert catalogue.newest
    for name in ranges(drive)[-12:-4]:
        path = drive.root / str(catalogue.newest.name) / "wal" / str(name)
        data = bytearray(path.read_bytes())
        data[-20] ^= 8
        path.write_bytes(data)


@pytest.mark.parametrize("harm", [make_hole, cut, turn_bits])
def test_what_is_gone_is_said_and_made_up_for(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive, harm: Callable[[Drive], None]
) -> None:
    machine.mirror(drive, machine.mirroring(drive, **SCRUBBING, scrub_all=0.3))
    fill(machine, drive)
    assert machine.standing
    bases = machine.standing.bases
    harm(drive)
    eventually(lambda: (now := machine.standing) and now.bases > bases and now.well, "a base that makes up for it")
    said = machine.sync_log.read_text()
    assert "files of the mirror are gone or damaged" in said
    assert "makes up for it" in said
    with machine.connect() as connection:
        connection.execute("INSERT INTO t (said) VALUES ('last')")
        wanted = connection.execute("SELECT count(*) FROM t").fetchone()
    machine.await_mirrored()
    machine.kill()
    other = new_machine()
    other.restore(drive)
    other.start()
    with other.connect() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == wanted


def test_the_mirror_is_not_called_whole_over_a_hole(machine: Machine, drive: Drive) -> None:
    one = machine.mirror(drive, machine.mirroring(drive, **SELDOM))
    fill(machine, drive)
    make_hole(drive)
    machine.shut_down()
    assert Catalogue(drive).clean_end(one) is None
    with pytest.raises(Hole, match="was there and is gone"):
        flush(drive, machine.cluster, one)
    with pytest.raises(AnywhereError, match="in part only"):
        drill(machine.programs, drive, machine.folder / "drill", "postgres")
