"""Steps of features/state_edges.feature."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tarfile
import time
from pathlib import Path

import requests
from pytest_bdd import given, parsers, scenarios, then, when

from metaflow_anywhere.database.numbers import LOST_RUNS
from metaflow_anywhere.state.documents import sealed, unsealed
from tests.acceptance.place import Place, eventually
from tests.acceptance.test_state import (
    a_flow_with_a_run,
    a_second_machine,
    files_below,
    files_outside,
    linear_runs,
    the_client_finds_all,
)

scenarios("state_edges.feature")
LOGGED_AHEAD = 32  # numbers that PostgreSQL's log counts as given, so that it need not log each
OLD_ROOT = Path(__file__).with_name("old_root_bfa366f.tar.xz")


@when(parsers.parse("a flow called {name} with a run"))
def a_flow_runs(place: Place, name: str) -> None:
    a_flow_with_a_run(place, name)


@when("the mirror's folder goes away")
def the_mirror_goes(place: Place) -> None:
    (place.settings.root / "pg").rename(place.settings.root / "pg.away")


@when("I go back to the good moment")
def back_to_the_moment(place: Place) -> None:
    place.run("invoke", "restore-snapshot", "--at", place.notes["good"], "--replace")


@given("the database is kept outside of root")
def database_elsewhere(place: Place) -> None:
    place.variables["PGDATA_DIR"] = str(place.folder / "fast-pgdata")


@when("the documents of the mirror have not arrived yet")
def no_documents(place: Place) -> None:
    for path in (place.settings.root / "pg").glob("inc-*/INC*.json"):
        path.rename(path.with_name(f"{path.name}.later"))


@when("all of root has arrived")
def all_has_arrived(place: Place) -> None:
    for path in (place.settings.root / "pg").glob("inc-*/INC*.json.later"):
        path.rename(path.with_name(path.name.removesuffix(".later")))


@when("the newest incarnation has not arrived yet")
def the_newest_is_away(place: Place) -> None:
    mirror = place.settings.root / "pg"
    max(mirror.glob("inc-*")).rename(mirror.with_name("later"))


@when("the mirror's folder comes back")
def the_mirror_comes_back(place: Place) -> None:
    (place.settings.root / "pg.away").rename(place.settings.root / "pg")


@when("a copy of the database's files is made")
def the_files_are_copied(place: Place) -> None:
    shutil.copytree(place.settings.pgdata_dir, saved(place), symlinks=True)


@when("the copy of the database's files is put back")
def the_files_are_put_back(place: Place) -> None:
    """Into the very same folder, as a reverted disk has it."""
    data = place.settings.pgdata_dir
    for path in list(data.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(saved(place), data, symlinks=True, dirs_exist_ok=True)
    owner = data.stat()
    for path in data.rglob("*"):
        shutil.chown(path, owner.st_uid, owner.st_gid)


def saved(place: Place) -> Path:
    return place.folder / "saved-pgdata"


@when(parsers.parse("this moment is remembered as the {name} one"))
def a_moment(place: Place, name: str) -> None:
    time.sleep(1.1)  # a moment is given in whole seconds, and must lie between two commits
    place.notes[name] = time.strftime("%Y-%m-%d %H:%M:%S")
    time.sleep(1.1)


@when("I ask for the regretted moment")
def ask_for_the_regretted(place: Place) -> None:
    place.run("invoke", "restore-snapshot", "--at", place.notes["regretted"], "--replace")


given("artifacts, logs and cards are written outside of root")(files_outside)
when("the flow linear runs")(linear_runs)
then("the Client API finds the run with its logs, its card and its artifacts")(the_client_finds_all)


@given("something of the desktop's lies in the folder of artifacts")
def something_lies_there(place: Place) -> None:
    place.settings.datastore_dir.mkdir(parents=True)
    (place.settings.datastore_dir / ".DS_Store").write_text("of the Finder")


@when("a second machine goes on, runs the flow linear, and is given back")
def a_second_machine_has_its_turn(place: Place, second_place: Place) -> None:
    """What it wrote is left in root alone: where it wrote itself, nothing is found any more."""
    files_outside(second_place)
    a_second_machine(place, second_place)
    linear_runs(second_place)
    down = second_place.run("invoke", "down")
    assert down.status == 0, down.printed
    shutil.rmtree(second_place.settings.datastore_dir)
    shutil.copy(second_place.work / "linear.id", place.work)


@then("the first machine's folder has all that root has")
def the_folder_has_all(place: Place) -> None:
    assert not files_below(place.settings.root / "datastore") - files_below(place.settings.datastore_dir)


@when("a file of artifacts vanishes here")
def a_file_vanishes(place: Place) -> None:
    found = place.settings.datastore_dir.glob(".metaflow/Linear/data/*/*")
    place.notes["vanished"] = min(found)
    place.notes["vanished"].unlink()


@then("it comes back from root")
def it_comes_back(place: Place) -> None:
    eventually(place.notes["vanished"].exists, "the file")


@when("a file of the database is emptied")
def a_file_of_the_database_is_emptied(place: Place) -> None:
    (place.settings.pgdata_dir / "global" / "pg_control").write_bytes(b"")


@given("a root that an earlier version wrote, whose machine was killed", target_fixture="place")
def an_old_root(fresh_place: Place) -> Place:
    """Written by bfa366f: three runs, one of them after a stop. To be small, its catalogues were thinned out, and its
    base is kept unpacked; so it is packed here, and its manifest, which has the digest of that, sealed again."""
    with tarfile.open(OLD_ROOT) as archive:
        archive.extractall(fresh_place.root, filter="data")
    (unpacked,) = fresh_place.root.glob("pg/inc-*/base-*/base.tar")
    packed = gzip.compress(unpacked.read_bytes(), compresslevel=1)
    unpacked.with_name("base.tar.gz").write_bytes(packed)
    unpacked.unlink()
    manifest = unpacked.with_name("MANIFEST.json")
    told = unsealed(manifest.read_bytes())
    told["files"]["base.tar.gz"] = {"sha256": hashlib.sha256(packed).hexdigest(), "bytes": len(packed)}
    manifest.write_bytes(sealed(told))
    return fresh_place


def old_runs(place: Place) -> list[int]:
    answer = requests.get(f"{place.url}/service/flows/Old/runs", timeout=60)
    return sorted(int(run["run_number"]) for run in answer.json())


@then("its three runs of Old are there, and a new one has a number that none has had")
def the_old_runs_are_there(place: Place) -> None:
    assert old_runs(place) == [1, 2, 3]
    answer = requests.post(f"{place.url}/service/flows/Old/run", json={}, timeout=60)
    assert int(answer.json()["run_number"]) > LOST_RUNS


@then("all four runs of Old are there")
def all_runs_are_there(place: Place) -> None:
    found = old_runs(place)
    assert found[:3] == [1, 2, 3]
    assert len(found) == 4


@when(parsers.parse('a run of Linear carries the word "{word}"'))
def a_run_carries(place: Place, word: str) -> None:
    done = place.ask(*place.flow("linear", "run", "--word", word, "--run-id-file", f"{place.work}/{word}.id"))
    assert done.status == 0, done.printed


def number_of(place: Place, word: str) -> int:
    return int((place.work / f"{word}.id").read_text())


@then("its number follows the first's, with no more of a gap than PostgreSQL's own")
def numbers_follow(place: Place) -> None:
    assert 1 <= number_of(place, "second") - number_of(place, "first") <= 1 + LOGGED_AHEAD


@then("it has another number than the lost one, whose artifacts are still in the datastore")
def another_number(place: Place) -> None:
    assert number_of(place, "new") > number_of(place, "lost") + 1
    assert (place.settings.datastore_dir / ".metaflow" / "Linear" / str(number_of(place, "lost"))).is_dir()


@then("each run that is there reads its own word")
def each_reads_its_own(place: Place) -> None:
    answer = place.client("answer = {run.id: run.data.carried for run in Flow('Linear')}")
    assert answer == {str(number_of(place, word)): word for word in ("first", "second", "new")}
