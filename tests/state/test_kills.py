"""Machines are lost under load. What comes back is sound, has no hole, and lacks at most a moment.

``--long`` runs 200 trials and 48 of what people do today beside them (with strace), and writes bench/state/kills.md.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from metaflow_anywhere.postgres import Programs
from tests.state.lab import machines
from tests.state.trial import Conditions, Outcome, rsync_trial, trial

AT_ONCE = 3
LONGEST_LOSS_SECONDS = 4.0  # the drive's own delay included (facts: two without)
TABLE = Path(__file__).parents[2] / "bench" / "state" / "kills.md"
Runner = Callable[[Callable[..., Outcome], list[Conditions]], list[Outcome]]


@pytest.fixture
def run(programs: Programs, installation: Path) -> Iterator[Runner]:
    """Runs trials, some at once, each in a folder of its own."""

    def one(way: Callable[..., Outcome], conditions: Conditions) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="mfa-", dir="/tmp", ignore_cleanup_errors=True) as name:
            place = Path(name)
            place.chmod(0o755)
            with machines(programs, installation, place) as make:
                return way(make, place, conditions)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield lambda way, conditions: list(pool.map(lambda each: one(way, each), conditions))


def assert_good(outcomes: list[Outcome], conditions: list[Conditions]) -> None:
    for outcome, condition in zip(outcomes, conditions, strict=True):
        assert outcome.good, (condition, outcome)
        assert outcome.acknowledged


SMALL = Conditions()
SLOW = Conditions(latency=0.1)
CLOUD = Conditions(latency=0.1, cloud=True)
HEAVY = Conditions("heavy", latency=0.05)


def test_what_comes_back_after_a_kill_is_sound_and_recent(run: Runner) -> None:
    conditions = [SMALL, SLOW, CLOUD, HEAVY] * 3
    outcomes = run(trial, conditions)
    assert_good(outcomes, conditions)
    assert all(outcome.lost_s <= LONGEST_LOSS_SECONDS for outcome in outcomes), outcomes


@pytest.mark.parametrize("end", ["down", "shutdown"])
def test_a_clean_end_under_load_loses_nothing(run: Runner, end: str, request: pytest.FixtureRequest) -> None:
    count = (20 if end == "down" else 10) if request.config.getoption("--long") else 2
    conditions = [Conditions("heavy" if number % 2 else "small", seconds=(0.5, 2), end=end) for number in range(count)]
    outcomes = run(trial, conditions)
    assert_good(outcomes, conditions)
    assert [outcome.lost for outcome in outcomes] == [0] * count


@pytest.mark.long
def test_the_long_form(run: Runner) -> None:
    longer = (3.0, 20.0)
    groups = {
        "small load, drive keeps what it was given": [Conditions(seconds=longer)] * 50,
        "small load, 0.1 s an operation, late and unordered uploads (0.2-2 s)": [
            Conditions(latency=0.1, cloud=True, seconds=longer)
        ]
        * 50,
        "40 MB changed at random, 0.1 s an operation": [Conditions("heavy", latency=0.1, seconds=longer)] * 50,
        "40 MB changed at random, 0.2 s an operation, late and unordered uploads": [
            Conditions("heavy", latency=0.2, cloud=True, seconds=longer)
        ]
        * 50,
    }
    rows = [("mirror", name, run(trial, conditions)) for name, conditions in groups.items()]
    today = {
        "40 MB changed at random, 20 MB/s": [Conditions("heavy", seconds=longer)] * 24,
        "40 MB changed at random, 20 MB/s, 0.2 s an operation": [Conditions("heavy", latency=0.2, seconds=(10.0, 40.0))]
        * 24,
    }
    rows += [("rsync of the live directory", name, run(rsync_trial, conditions)) for name, conditions in today.items()]
    write_table(rows)
    for way, _, outcomes in rows:
        if way == "mirror":
            assert_good(outcomes, [SMALL] * len(outcomes))


def write_table(rows: list[tuple[str, str, list[Outcome]]]) -> None:
    lines = [
        f"# Machines lost under load ({time.strftime('%Y-%m-%d')})", "",
        "| way | conditions | trials | started | amcheck clean | checksums good | without holes | all of these |"
        " lost s, median | max | restore s, median |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for way, name, outcomes in rows:
        good = [one for one in outcomes if one.good]
        lost = [one.lost_s for one in good]
        restored = [one.restore_s for one in outcomes if one.restore_s]
        cells = [
            way, name, len(outcomes), sum(one.started for one in outcomes), sum(one.sound for one in outcomes),
            sum(one.checksums for one in outcomes), sum(one.started and not one.holes for one in outcomes), len(good),
            f"{statistics.median(lost):.2f}" if lost else "-", f"{max(lost):.2f}" if lost else "-",
            f"{statistics.median(restored):.1f}" if restored else "-",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text("\n".join(lines) + "\n")
