"""Which log each range repeats: enough that none is the only one to hold anything, and no more than costs little."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from metaflow_anywhere.state import shipping
from metaflow_anywhere.state.catalogue import Incarnation
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import IncarnationName, WalName
from metaflow_anywhere.state.lsn import Segments
from metaflow_anywhere.state.shipping import MIB, Shipper

ONE = Incarnation(IncarnationName(1, "a" * 8), None, 1, "1", Segments(MIB), 0, 180000, 0.0, "here")


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, float], WalName]:
    """Ships up to a position at a moment of a fake clock; returns the range that was written."""
    log = tmp_path / "data" / "pg_wal"
    log.mkdir(parents=True)
    for number in range(8):
        (log / ONE.segments.name(1, number * MIB)).write_bytes(bytes([number]) * MIB)
    drive = Drive(tmp_path / "drive")
    drive.prepare()
    shipper = Shipper(drive, tmp_path / "data", ONE, 0)

    def to(position: int, moment: float) -> WalName:
        monkeypatch.setattr(shipping.time, "monotonic", lambda: moment)
        before = set(drive.names(f"{ONE.name}/wal"))
        shipper.ship(position)
        (new,) = set(drive.names(f"{ONE.name}/wal")) - before
        name = WalName.parse(new)
        assert name
        return name

    return to


def test_ranges_of_the_last_seconds_are_repeated(ship: Callable[[int, float], WalName]) -> None:
    found = [ship((number + 1) * 1000, number * 0.5) for number in range(7)]
    assert [(name.start, name.end) for name in found[-2:]] == [(1000, 6000), (2000, 7000)]


def test_the_one_before_is_repeated_however_old_it_is(ship: Callable[[int, float], WalName]) -> None:
    found = [ship((number + 1) * 1000, number * 3600.0) for number in range(4)]
    assert [(name.start, name.end) for name in found[1:]] == [(0, 2000), (1000, 3000), (2000, 4000)]


def test_much_log_is_not_repeated(ship: Callable[[int, float], WalName]) -> None:
    ship(2 * MIB, 0.0)
    assert ship(2 * MIB + 1000, 0.5).start == 2 * MIB


def test_merging_goes_on_past_log_that_is_gone_here(tmp_path: Path) -> None:
    log = tmp_path / "data" / "pg_wal"
    log.mkdir(parents=True)
    for number in range(2, 4):
        (log / ONE.segments.name(1, number * MIB)).write_bytes(bytes([number]) * MIB)
    drive = Drive(tmp_path / "drive")
    drive.prepare()
    shipper = Shipper(drive, tmp_path / "data", ONE, 4 * MIB, merge_at=2)
    half = MIB // 2
    present = [WalName(1, number * half, (number + 1) * half) for number in range(8)]
    gone = [name for name in present if name.end <= 2 * MIB]
    assert shipper.merge(gone) is None
    assert shipper.merge_floor(present) == 2 * MIB
    merged = shipper.merge(present)
    assert merged
    assert (merged.start, merged.level) == (2 * MIB, 2)
