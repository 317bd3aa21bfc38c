"""Thousands of schedules of machines that share a bad drive; each is one number, and can be run again by it:
``python -m tests.state.simulator SEED``. With the faults put back that were there once, they find each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metaflow_anywhere.state import claim, ending, restore, retention, verdict
from metaflow_anywhere.state.catalogue import Catalogue
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.judgement import Judgement, Level
from metaflow_anywhere.state.layout import IncarnationName
from metaflow_anywhere.state.lease import Fenced, read_lease
from metaflow_anywhere.state.scrub import Scrub
from metaflow_anywhere.state.verdict import Kind, stand
from tests.state.simulator import world
from tests.state.simulator.schedule import run
from tests.state.simulator.world import Violation

SCHEDULES, LONG_SCHEDULES, LOTS = 2_000, 100_000, 4
FOUND_WITHIN = 3_000


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory, where there is one: each schedule writes a few small files."""
    import tempfile

    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.mark.parametrize("lot", range(LOTS))
def test_whatever_happens_what_is_said_is_true_and_nothing_is_lost(lot: int, place: Path, request: Any) -> None:
    count = LONG_SCHEDULES if request.config.getoption("--long") else SCHEDULES
    for seed in range(lot, count, LOTS):
        try:
            run(seed, place / "world")
        except Violation as violation:
            pytest.fail(f"schedule {seed}: {violation}")


def as_if(old: Kind, new: Kind) -> Callable[..., Any]:
    def decide(*told: Any) -> Any:
        found = stand(*told)
        return replace(found, kind=new) if found.kind is old else found

    return decide


def trusting(seen: Any, log: Any, **_: Any) -> Judgement:
    said = "nothing is missing" if log.complete else "its last second or two"
    return Judgement(Level.COMPLETE if log.complete else Level.TAIL, [said])


def fault_1(patch: pytest.MonkeyPatch) -> None:
    """A mirror of which nothing can be restored is taken for none."""
    patch.setattr(world, "stand", as_if(Kind.UNSEEN, Kind.FRESH))


def fault_2(patch: pytest.MonkeyPatch) -> None:
    """Only what was reached is asked whether anything is missing."""
    patch.setattr(restore, "judge", trusting)


def fault_2_clean(patch: pytest.MonkeyPatch) -> None:
    """The mark of a clean end stays when the database goes on."""
    patch.setattr(claim, "mark_opened", lambda *_: None)


def fault_3(patch: pytest.MonkeyPatch) -> None:
    """A database founds a mirror wherever it finds none."""
    for module in (world, claim):
        patch.setattr(module, "stand", as_if(Kind.UNMOUNTED, Kind.CURRENT))


def fault_7(patch: pytest.MonkeyPatch) -> None:
    """A database that is older than its mirror goes on."""
    for module in (world, claim):
        patch.setattr(module, "stand", as_if(Kind.BEHIND, Kind.CURRENT))


def fault_8(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks whether what was written is still there."""
    patch.setattr(Scrub, "step", lambda *_: None)


def fault_8_at_the_end(patch: pytest.MonkeyPatch) -> None:
    """A database that was stopped is said to be in the mirror, whatever the mirror lacks."""
    patch.setattr(ending, "require_whole", lambda *_: None)


def fault_11(patch: pytest.MonkeyPatch) -> None:
    """Of two with one number, one is taken."""
    patch.setattr(verdict, "strangers", lambda _: [])


def fault_11_of_writers(patch: pytest.MonkeyPatch) -> None:
    """Two with one number take each other for themselves."""

    def check(drive: Drive, mine: IncarnationName) -> None:
        found = read_lease(drive)
        if found and found.holder.sequence > mine.sequence:
            raise Fenced(found)

    patch.setattr(world, "check_lease", check)


def fault_12(patch: pytest.MonkeyPatch) -> None:
    """What others went on with is given up."""
    real = retention.Retention._needless_now

    def greedy(self: Any, catalogue: Catalogue, tip: Any) -> list[str]:
        path = {one.name for one in catalogue.path(tip)}
        return [*real(self, catalogue, tip), *(str(name) for name in catalogue.incarnations if name not in path)]

    patch.setattr(retention, "aside_of", lambda *_: [])
    patch.setattr(retention.Retention, "_needless_now", greedy)


def fault_of_foreign_bases(patch: pytest.MonkeyPatch) -> None:
    """A base that a machine took after another had gone on from it is used for that other's history."""
    patch.setattr(Catalogue, "suits", lambda *_: True)


# Each with a schedule from which on it is looked for: shortly before the first that finds it now.
FAULTS: dict[Callable[[pytest.MonkeyPatch], None], int] = {
    fault_1: 0, fault_2: 0, fault_2_clean: 280, fault_3: 0, fault_7: 100, fault_8: 0, fault_8_at_the_end: 0,
    fault_11: 0, fault_11_of_writers: 0, fault_12: 80, fault_of_foreign_bases: 1_140,
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_that_was_there_once_is_found(
    fault: Callable[[pytest.MonkeyPatch], None], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    with pytest.raises(Violation):
        for seed in range(FAULTS[fault], FAULTS[fault] + FOUND_WITHIN):
            run(seed, place / "world")
