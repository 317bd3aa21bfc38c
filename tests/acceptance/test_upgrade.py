"""Steps of features/upgrade.feature."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import requests
from pytest_bdd import given, parsers, scenarios, then, when

from tests.acceptance.conftest import everything_is_mirrored
from tests.acceptance.place import Place, eventually

scenarios("upgrade.feature")

ANSWER_SECONDS = 120.0  # a request waits in the proxy while the program behind it is replaced
PAUSE_SECONDS = 0.02


@contextlib.contextmanager
def asking(url: str) -> Iterator[list[str]]:
    """A client that asks all the time, and tries again what it is told to try again, as Metaflow's does; what it was
    refused otherwise."""
    refused: list[str] = []
    over = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not over.wait(PAUSE_SECONDS):
                try:
                    answer = session.get(f"{url}/service/flows", timeout=ANSWER_SECONDS)
                    if answer.status_code != 200 and "Retry-After" not in answer.headers:
                        refused.append(f"{answer.status_code} {answer.text}")
                except requests.RequestException as error:
                    refused.append(repr(error))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield refused
    finally:
        over.set()
        thread.join()


@given("a stack of a release of its own", target_fixture="place")
def a_stack_of_its_own_release(fresh_place: Place) -> Place:
    fresh_place.notes["project"] = fresh_place.use_copy_of_the_project()
    up = fresh_place.ask("invoke", "up")
    assert up.status == 0, up.printed
    everything_is_mirrored(fresh_place)
    fresh_place.notes["pids"] = fresh_place.pids()
    return fresh_place


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


@when("its code is changed")
def its_code_is_changed(place: Place) -> None:
    append(place.project / "metaflow_anywhere" / "service" / "routes.py", "\nCHANGED = True\n")


@when("the next release is in another folder")
def the_next_release_is_elsewhere(place: Place) -> None:
    place.notes["before"] = place.project
    next_one = place.project.with_name("next project")
    shutil.copytree(place.project, next_one)
    place.project, place.variables["PYTHONPATH"] = next_one, str(next_one)


@when("the folder of the release before is removed, and service and proxy are killed", target_fixture="killed")
def the_old_folder_is_removed(place: Place) -> dict[str, int | None]:
    shutil.rmtree(place.notes["before"])
    killed = {name: place.supervised(name) for name in ("service", "proxy")}
    for pid in killed.values():
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    return killed


@then("both come back")
def both_come_back(place: Place, killed: dict[str, int | None]) -> None:
    def back() -> bool:
        return all(place.supervised(name) not in (None, pid) for name, pid in killed.items())

    eventually(back, "another process of each")
    healthy = place.ask("invoke", "status", "--wait")
    assert healthy.status == 0, healthy.printed


@when("its code is broken")
def its_code_is_broken(place: Place) -> None:
    append(place.project / "metaflow_anywhere" / "service" / "routes.py", "\nraise SystemExit(3)\n")


@when("its tables are changed by a newer release")
def its_tables_are_changed(place: Place) -> None:
    newest = max(int(path.name[:3]) for path in (place.project / "sql").glob("*.sql"))
    step = place.project / "sql" / f"{newest + 1:03d}_of_a_newer_release.sql"
    step.write_text("ALTER TABLE flows_v3 ADD COLUMN of_a_newer_release text;\n")
    place.notes["step"] = step


@when("I go back to the release before")
def i_go_back(place: Place) -> None:
    place.notes["step"].unlink()


@when(parsers.parse('I run "{command}" while a client asks all the time'))
def i_run_while_a_client_asks(place: Place, command: str) -> None:
    with asking(place.url) as refused:
        place.run(*command.split())
    place.notes["refused"] = refused


@when("I run the commands that it printed")
def i_run_what_it_printed(place: Place) -> None:
    found = re.search(r"^ +run: (.*)$", place.last.printed, re.MULTILINE)
    assert found, place.last.printed
    place.run("bash", "-c", found[1])


@then("no answer failed")
def no_answer_failed(place: Place) -> None:
    assert place.notes["refused"] == []


@then("the programs service, ui and sync were replaced")
def they_were_replaced(place: Place) -> None:
    before, now = place.notes["pids"], place.pids()
    assert {name for name, pid in now.items() if pid != before[name]} >= {"service", "ui", "sync"}
    assert now["database"] == before["database"]
    assert now["proxy"] == before["proxy"]


@then("a snapshot from before the upgrade is kept")
def a_snapshot_is_kept(place: Place) -> None:
    names = [one["name"] for one in json.loads(place.ask("invoke", "snapshots", "--json").out)]
    assert [name for name in names if name.startswith("before-upgrade-")]
