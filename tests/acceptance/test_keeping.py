"""Steps of features/keeping.feature."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from psycopg.conninfo import make_conninfo
from pytest_bdd import given, parsers, scenarios, then, when

from metaflow_anywhere.postgres import Cluster, Programs
from metaflow_anywhere.stack.passwords import DATABASE
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.snapshots import snapshots
from tests.acceptance.place import Place
from tests.official import RUNS, TASKS_A_RUN, dump, make_database
from tests.state.lab import eventually

scenarios("keeping.feature")
MINUTE = r"\d{4}-\d\d-\d\d \d\d:\d\d"
CLOCK = rf"{MINUTE}:\d\d"


@pytest.fixture(scope="session")
def official_dump(
    postgres_conninfo: str, postgres_programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A plain dump as an official service's owner would take it."""
    return dump(postgres_programs, make_database(postgres_conninfo), tmp_path_factory.mktemp("dump") / "official.sql")


@pytest.fixture
def tiny_disk() -> Iterator[Path]:
    """A file system of a few pages."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    with tempfile.TemporaryDirectory(prefix="mfa-disk-", dir="/tmp") as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k,mode=755", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "-l", name], check=True)


def post(place: Place, path: str, body: Any = None) -> Any:
    answer = requests.post(f"{place.url}/service/{path}", json=body or {}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def get(place: Place, path: str) -> Any:
    answer = requests.get(f"{place.url}/service/{path}", timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


# ---- snapshots

AT_ONCE = 5


@when('"invoke snapshot" is run five times at once', target_fixture="at_once")
def five_at_once(place: Place) -> list[tuple[int, str]]:
    running = [place.start("invoke", "snapshot") for _ in range(AT_ONCE)]
    printed = [process.communicate(timeout=120)[0] for process in running]
    return [(process.returncode, text) for process, text in zip(running, printed, strict=True)]


@then("all five succeed, each with a name of its own")
def all_succeed(at_once: list[tuple[int, str]]) -> None:
    assert [status for status, _ in at_once] == [0] * AT_ONCE, at_once
    names = {found[1] for _, text in at_once if (found := re.search(r"snapshot (\S+): ", text))}
    assert len(names) == AT_ONCE, at_once


@then("every file of them is what was written")
def every_file_is_whole(place: Place) -> None:
    found = snapshots(Drive(place.root / "pg"), thorough=True)
    assert found
    assert [one.damage for one in found] == [[]] * len(found)


@then("nothing of them is left on this machine")
def no_stage_is_left(place: Place) -> None:
    assert list((place.settings.stack_dir / "snapshot-stage").iterdir()) == []


@given('an "invoke snapshot" that is killed while it is at work')
def a_snapshot_is_killed(place: Place) -> None:
    process = place.start("invoke", "snapshot", "--name", "never")
    stage = place.settings.stack_dir / "snapshot-stage"
    eventually(lambda: stage.is_dir() and any(stage.iterdir()), "a snapshot that is at work")
    process.kill()
    process.wait()


@given(parsers.parse("a snapshot called {name}"))
def a_snapshot(place: Place, name: str) -> None:
    done = place.run("invoke", "snapshot", "--name", name)
    assert done.status == 0, done.printed


def line_of(place: Place, name: str) -> str:
    (line,) = [line for line in place.last.out.splitlines() if line.startswith(f"{name} ")]
    return line


@then(parsers.parse("it lists {name} with its time, size, rows and this machine, not verified yet"))
def it_lists(place: Place, name: str) -> None:
    host = re.escape(socket.gethostname())
    assert re.fullmatch(rf"{name} +{MINUTE} +[\d.]+ MB +[1-9][\d,]* +{host} +not yet *", line_of(place, name))


@then(parsers.parse("it lists {name} as verified just now"))
def it_lists_as_verified(place: Place, name: str) -> None:
    assert re.fullmatch(rf"{name} +{MINUTE} .* \d+ s ago *", line_of(place, name)), place.last.out


@then("nothing of the trial is left")
def nothing_is_left(place: Place) -> None:
    assert [path.name for path in place.settings.pgdata_dir.parent.glob("*pgdata*")] == ["pgdata"]
    assert place.ask("invoke", "status").status == 0


@then(parsers.parse("the database that was here is kept aside, with the flow {flow}"))
def it_is_kept_aside(place: Place, flow: str, postgres_programs: Programs) -> None:
    (aside,) = place.settings.pgdata_dir.parent.glob("pgdata.aside-*")
    assert str(aside) in place.last.printed
    with (
        Cluster(postgres_programs, aside).private_server() as conninfo,
        psycopg.connect(make_conninfo(conninfo, dbname=DATABASE)) as connection,
    ):
        assert connection.execute("SELECT 1 FROM flows_v3 WHERE flow_id = %s", [flow]).fetchone()


# ---- files


@given(parsers.parse("a flow called {flow} with a run, a task and a tag"))
def a_flow_with_a_task(place: Place, flow: str) -> None:
    post(place, f"flows/{flow}")
    run = post(place, f"flows/{flow}/run", {"tags": ["precious"]})["run_number"]
    post(place, f"flows/{flow}/runs/{run}/steps/start/step")
    post(place, f"flows/{flow}/runs/{run}/steps/start/task")
    place.notes["file"] = str(place.folder / "carried.dump")


@then(parsers.parse("the flow {flow} has its run, task and tag"))
def the_flow_has_all(place: Place, flow: str) -> None:
    (run,) = get(place, f"flows/{flow}/runs")
    assert run["tags"] == ["precious"]
    assert len(get(place, f"flows/{flow}/runs/{run['run_number']}/steps/start/tasks")) == 1


@when("I go to another machine with an empty root", target_fixture="place")
def another_machine(place: Place, second_place: Place) -> Place:
    second_place.notes.update(place.notes, other_root=str(place.settings.root))
    return second_place


@given("a dump of an official service's database")
def an_official_dump(place: Place, official_dump: Path) -> None:
    place.notes["dump"] = str(official_dump)


@then("the runs of the official service are there with their tags")
def the_official_runs_are_there(place: Place) -> None:
    runs = get(place, "flows/Official0/runs")
    assert len(runs) == RUNS / 2
    assert all(run["tags"] == ["nightly", "Grüße 'n' \"quotes\"\tand a tab"] for run in runs)
    shown = requests.get(f"{place.url}/api/runs?_tags=nightly&_limit=100", timeout=60).json()["data"]
    assert len(shown) == RUNS


@then("new runs, tasks and metadata have numbers of their own")
def new_numbers(place: Place) -> None:
    run = post(place, "flows/Official0/run")["run_number"]
    path = f"flows/Official0/runs/{run}/steps/start"
    post(place, f"{path}/step")
    task = post(place, f"{path}/task")["task_id"]
    field = {"field_name": "attempt", "value": "0", "type": "attempt"}
    assert post(place, f"{path}/tasks/{task}/metadata", [field]) == {"metadata_created": 1}
    (row,) = get(place, f"{path}/tasks/{task}/metadata")
    assert (int(run), int(task), row["id"]) > (RUNS, RUNS * TASKS_A_RUN, RUNS * TASKS_A_RUN)


@then("these files change nothing, and it is said why:")
def these_change_nothing(place: Place, datatable: list[list[str]]) -> None:
    half = Path(place.notes["dump"]).read_bytes()
    contents = {
        "random bytes": bytes(range(256)) * 40,
        "half of that dump": half[: len(half) // 2],
        "a dump of another application": b"CREATE TABLE public.auth_user (id int);\n",
    }
    before = sorted(place.settings.root.rglob("*"))
    for number, (name, said) in enumerate(datatable[1:]):
        file = place.folder / f"bad{number}"
        if name in contents:
            file.write_bytes(contents[name])
        done = place.run("invoke", "import", str(file), "--replace")
        assert done.status == 1
        assert said in done.printed
        assert "Traceback" not in done.printed
        assert sorted(place.settings.root.rglob("*")) == before, name


@when("I export to a disk that is too small")
def export_to_a_small_disk(place: Place, tiny_disk: Path) -> None:
    place.run("invoke", "export", str(tiny_disk / "states.dump"))


@then("nothing is on that disk")
def nothing_is_there(tiny_disk: Path) -> None:
    assert list(tiny_disk.iterdir()) == []


# ---- moments


@then("it names the earliest moment, and that can be restored")
def the_earliest_moment(place: Place) -> None:
    found = re.search(rf"the earliest moment that can be restored is ({CLOCK})", place.last.printed)
    assert found, place.last.printed
    other = place.notes["other_root"]
    done = place.ask("invoke", "restore-snapshot", "--from", other, "--at", found[1], "--dry-run")
    assert done.status == 0, done.printed
