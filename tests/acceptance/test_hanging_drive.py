"""Steps of features/hanging_drive.feature."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, scenarios, then, when

from tests.acceptance.place import Place
from tests.acceptance.test_keeping import get, post
from tests.stand_in.drive import StandInDrive
from tests.stand_in.mounting import cannot_mount

scenarios("hanging_drive.feature")
KILLED_DATA = "pgdata.lost"


@pytest.fixture
def stand_in(fresh_place: Place) -> Iterator[StandInDrive]:
    """A drive that can be told to hang. As root there must be one: a trial that is passed over shows nothing."""
    why = cannot_mount(fresh_place.folder / "trial")
    if why and os.geteuid() != 0:
        pytest.skip(f"mounting takes root: {why}")
    assert not why, f"/dev/fuse cannot be used: {why}"
    with StandInDrive(fresh_place.folder / "mount") as drive:
        yield drive


@given(
    parsers.parse("a stack on a drive that can be told to hang, asked with a patience of {seconds:d} seconds"),
    target_fixture="place",
)
def a_stack_on_a_drive(fresh_place: Place, stand_in: StandInDrive, seconds: int) -> Place:
    fresh_place.root = stand_in.point / "root"
    fresh_place.variables |= {
        "MF_ROOT": str(fresh_place.root), "PGDATA_DIR": str(fresh_place.folder / "pgdata"),
        "MF_DRIVE_PATIENCE": str(seconds),
    }  # fmt: skip
    up = fresh_place.ask("invoke", "up")
    assert up.status == 0, up.printed
    return fresh_place


@when("the drive hangs")
def the_drive_hangs(stand_in: StandInDrive) -> None:
    stand_in.tell(hangs=True)


@when("the drive answers again")
def the_drive_answers(stand_in: StandInDrive) -> None:
    stand_in.tell()


@when(parsers.parse("a flow called {name} gets a run"))
def a_flow_gets_a_run(place: Place, name: str) -> None:
    post(place, f"flows/{name}", {"user_name": "someone"})
    place.notes[name] = post(place, f"flows/{name}/run", {"user_name": "someone"})["run_number"]


@then(
    parsers.parse(
        '"invoke status" says within {seconds:d} seconds that the mirror is degraded, since when, and that the drive'
        " hangs"
    )
)
def status_says_so(place: Place, seconds: int) -> None:
    deadline = time.monotonic() + seconds
    while "mirror  degraded for" not in (told := place.ask("invoke", "status")).out:
        assert time.monotonic() < deadline, told.printed
    assert told.status == 1
    assert "it hangs: what was asked at" in told.out


def words(datatable: list[list[str]], place: Place) -> list[list[str]]:
    file = str(place.folder / "export")
    return [[word.replace("{file}", file) for word in shlex.split(cell)] for row in datatable for cell in row]


def ends(place: Place, commands: list[list[str]], seconds: int) -> list[tuple[str, int, str]]:
    """Run all at once, so that one that hangs costs no more than its own time."""
    deadline = time.monotonic() + seconds
    running = [(" ".join(one), place.start("invoke", *one)) for one in commands]
    found = []
    for name, process in running:
        printed = process.communicate(timeout=max(0.1, deadline - time.monotonic()))[0]
        found.append((name, process.returncode, printed))
    return found


@then(parsers.parse("each of these ends within {seconds:d} seconds, well"))
def each_ends_well(place: Place, datatable: list[list[str]], seconds: int) -> None:
    for name, status, printed in ends(place, words(datatable, place), seconds):
        assert status == (1 if name.startswith("status") else 0), (name, printed)  # the mirror is not well
        assert "Traceback" not in printed, printed


@then(parsers.parse("each of these ends within {seconds:d} seconds with the status 1, and says that the drive hangs"))
def each_says_so(place: Place, datatable: list[list[str]], seconds: int) -> None:
    for name, status, printed in ends(place, words(datatable, place), seconds):
        assert status == 1, (name, printed)
        assert "it hangs: what was asked at" in printed, (name, printed)
        assert "Traceback" not in printed, printed


@then(parsers.parse("the run of {name} comes back from the mirror alone"))
def it_comes_back(place: Place, name: str) -> None:
    down = place.ask("invoke", "down")
    assert down.status == 0, down.printed
    shutil.rmtree(Path(place.variables["PGDATA_DIR"]))
    up = place.ask("invoke", "up")
    assert up.status == 0, up.printed
    assert "nothing is missing" in up.printed
    assert [one["run_number"] for one in get(place, f"flows/{name}/runs")] == [place.notes[name]]
