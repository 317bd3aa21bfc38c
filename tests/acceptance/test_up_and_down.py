"""Steps of features/up_and_down.feature."""

from __future__ import annotations

import shutil

import requests
from pytest_bdd import given, parsers, scenarios, then, when

from metaflow_anywhere.stack.supervision import Supervisor
from tests.acceptance.place import COMMAND_SECONDS, Place, eventually

scenarios("up_and_down.feature")


@given("an installation of its own")
def an_installation_of_its_own(fresh_place: Place) -> None:
    fresh_place.variables["MF_STATE_DIR"] = str(fresh_place.folder / "state")


@when(parsers.parse('I run "invoke down" while "invoke up" is at work'), target_fixture="overtaken")
def down_while_up(place: Place) -> tuple[int, str]:
    up = place.start("invoke", "up")
    eventually(lambda: Supervisor.of(place.settings).alive(), "a supervisor")
    place.run("invoke", "down")
    printed, _ = up.communicate(timeout=COMMAND_SECONDS)
    return up.returncode, printed


@then(parsers.parse('that "invoke up" failed with "{text}"'))
def that_up_failed(overtaken: tuple[int, str], text: str) -> None:
    status, printed = overtaken
    assert status == 1, printed
    assert [line for line in printed.splitlines() if line.startswith("✗ error")] == [f"✗ error: {text}"], printed
    assert "Traceback" not in printed


@when("the machine's own folder is thrown away")
def the_folder_is_thrown_away(place: Place) -> None:
    shutil.rmtree(place.folder / "state")


@then("it prints the URL and what to do next")
def it_prints_the_url(place: Place) -> None:
    assert place.url in place.last.out
    assert "next: invoke hello" in place.last.out


@then("the page at the URL says that Metaflow is up")
def the_page_says_so(place: Place) -> None:
    page = requests.get(place.url, timeout=60)
    assert page.status_code == 200
    assert "<title>Metaflow</title>" in page.text


@then(parsers.parse("the program {program} is {state}"))
def the_program_is(place: Place, program: str, state: str) -> None:
    assert place.status()[program]["state"] == state


@when("I bring up a second stack with another root and port")
def a_second_stack(place: Place, second_place: Place) -> None:
    for name in ("MF_METADATA_PORT", "MF_DATABASE_PORT", "MF_UI_METADATA_PORT"):
        del second_place.variables[name]
    place.last = second_place.ask("invoke", "up")


@then("the second stack knows no flow")
def the_second_stack_knows_no_flow(second_place: Place) -> None:
    assert requests.get(f"{second_place.url}/service/flows", timeout=60).json() == []


@then('the database is in "{elsewhere}"')
def the_database_is_elsewhere(place: Place) -> None:
    assert (place.folder / "elsewhere" / "pgdata" / "PG_VERSION").exists()
