"""Looking at the lease all the time costs little, and still tells soon that another machine took over."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import IncarnationName
from metaflow_anywhere.state.lease import Fenced, LeaseWatch, take_lease


class Counting(Drive):
    """Counts what is asked of it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: Counter[str] = Counter()

    def mark(self, name: str) -> tuple[int, int, int] | None:
        self.asked["mark"] += 1
        return super().mark(name)

    def read(self, name: str) -> bytes:
        self.asked["read"] += 1
        return super().read(name)

    def names(self, folder: str = "") -> list[str]:
        self.asked["names"] += 1
        return super().names(folder)

    def exists(self, name: str) -> bool:
        self.asked["exists"] += 1
        return super().exists(name)


@pytest.fixture
def drive(tmp_path: Path) -> Counting:
    drive = Counting(tmp_path / "pg")
    drive.prepare()
    return drive


def test_a_lease_that_does_not_change_costs_one_look(drive: Counting) -> None:
    watch = LeaseWatch(drive, take_lease(drive).holder, thorough_seconds=3600.0)
    watch.check()
    drive.asked.clear()
    for _ in range(100):
        watch.check()
    assert drive.asked == {"mark": 100}


def test_a_lease_that_another_took_is_seen_at_the_next_look(drive: Counting) -> None:
    watch = LeaseWatch(drive, take_lease(drive).holder, thorough_seconds=3600.0)
    watch.check()
    take_lease(Drive(drive.root))
    with pytest.raises(Fenced):
        watch.check()


def test_a_newer_incarnation_under_an_old_lease_is_seen_at_the_next_thorough_look(drive: Counting) -> None:
    holder = take_lease(drive).holder
    watch = LeaseWatch(drive, holder, thorough_seconds=0.0)
    watch.check()
    (drive.root / str(IncarnationName(holder.sequence + 1, "0badcafe"))).mkdir()
    with pytest.raises(Fenced):
        watch.check()


def test_what_was_seen_is_looked_at_again_while_it_stays(drive: Counting) -> None:
    watch = LeaseWatch(drive, take_lease(drive).holder, thorough_seconds=3600.0)
    watch.check()
    take_lease(Drive(drive.root))
    for _ in range(2):
        with pytest.raises(Fenced):
            watch.check()
