"""The steps that many scenarios share, in the words of features/."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page
from pytest_bdd import given, parsers, then, when

from tests import browsing
from tests.acceptance.place import Place, eventually, new_place, words


@pytest.fixture(scope="session")
def installation() -> Iterator[Path]:
    """One installation for all stacks of the test run, so that the database template is made once."""
    with tempfile.TemporaryDirectory(prefix="mfa-state-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def shared_place(installation: Path) -> Iterator[Place]:
    """A stack that is up for all scenarios that leave it as it is."""
    with new_place(installation) as place:
        up = place.ask("invoke", "up")
        assert up.status == 0, up.printed
        yield place


@pytest.fixture
def fresh_place(installation: Path) -> Iterator[Place]:
    """A place for one scenario."""
    with new_place(installation) as place:
        yield place


@pytest.fixture
def second_place(installation: Path) -> Iterator[Place]:
    """A place beside the first, for scenarios with two stacks."""
    with new_place(installation) as place:
        yield place


@given("the shared stack", target_fixture="place")
def the_shared_stack(shared_place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(shared_place, "variables", dict(shared_place.variables))
    healthy = shared_place.ask("invoke", "status", "--wait")
    assert healthy.status == 0, healthy.printed
    return shared_place


@given("nobody chose ports for the inner programs")
def nobody_chose_ports(fresh_place: Place) -> None:
    for name in ("MF_METADATA_PORT", "MF_DATABASE_PORT", "MF_UI_METADATA_PORT"):
        del fresh_place.variables[name]


@given("an empty root", target_fixture="place")
def an_empty_root(fresh_place: Place) -> Place:
    return fresh_place


@given("a stack that is up", target_fixture="place")
def a_stack_that_is_up(fresh_place: Place) -> Place:
    up = fresh_place.ask("invoke", "up")
    assert up.status == 0, up.printed
    fresh_place.notes["pids"] = fresh_place.pids()
    return fresh_place


@given(parsers.parse('the variable {name} is "{value}"'))
def the_variable_is(place: Place, name: str, value: str) -> None:
    place.variables[name] = value


@given(parsers.parse("a flow called {name} with a run"))
def a_flow_with_a_run(place: Place, name: str) -> None:
    for path in (f"flows/{name}", f"flows/{name}/run"):
        answer = requests.post(f"{place.url}/service/{path}", json={"user_name": "tester"}, timeout=60)
        assert answer.status_code == 200, answer.text


@when(parsers.parse('I run "{command}"'))
def i_run(place: Place, command: str) -> None:
    noted = {name: value for name, value in place.notes.items() if isinstance(value, str)}
    replacements = {"elsewhere": str(place.folder / "elsewhere"), "root": str(place.root), **noted}
    place.run(*words(command, replacements))
    if "--root {elsewhere}" in command:
        place.variables["MF_ROOT"] = replacements["elsewhere"]  # where the stack is, for all that follows


@then("it succeeds")
def it_succeeds(place: Place) -> None:
    assert place.last.status == 0, place.last.printed


@then(parsers.parse("the exit status is {status:d}"))
def the_exit_status_is(place: Place, status: int) -> None:
    assert place.last.status == status, place.last.printed


@then(parsers.parse('it prints "{text}"'))
def it_prints(place: Place, text: str) -> None:
    assert text in place.last.printed


@then(parsers.parse('it does not print "{text}"'))
def it_does_not_print(place: Place, text: str) -> None:
    assert text not in place.last.printed


@then('"invoke status" says that every program is healthy')
def every_program_is_healthy(place: Place) -> None:
    found = place.ask("invoke", "status")
    assert found.status == 0, found.printed


@then("no program was restarted")
def no_program_was_restarted(place: Place) -> None:
    assert place.pids() == place.notes["pids"]


@then("no program of the stack is left")
@then("nothing is running")
def nothing_is_running(place: Place) -> None:
    eventually(lambda: not place.processes(), "the end of all programs", seconds=20)


@then("root is still empty")
def root_is_still_empty(place: Place) -> None:
    assert not place.root.exists() or not list(place.root.iterdir())


@then(parsers.parse("the run of {flow} is still there"))
def the_run_is_still_there(place: Place, flow: str) -> None:
    answer = requests.get(f"{place.url}/service/flows/{flow}/runs", timeout=60)
    assert len(answer.json()) == 1, answer.text


def mirror(place: Place) -> dict[str, Any]:
    standing: dict[str, Any] = place.status_document()["mirror"]
    return standing


@given("everything so far is in the mirror")
@when("everything so far is in the mirror")
def everything_is_mirrored(place: Place) -> None:
    now = time.time()
    marked = requests.post(f"{place.url}/service/flows/Mark{int(now)}", json={}, timeout=60)
    assert marked.status_code == 200, marked.text

    def saved() -> bool:
        standing = mirror(place)
        return bool(standing["last_saved"] and standing["last_saved"] > now and not standing["behind_bytes"])

    eventually(saved, "a save of everything")


@when("everything is killed at once")
def everything_is_killed(place: Place) -> None:
    place.kill_everything()


@when("root is brought to another machine, without the database's own files")
def root_is_brought_elsewhere(place: Place) -> None:
    old = place.settings.root
    new = old.with_name(f"{old.name}-elsewhere")
    shutil.rmtree(old / "pgdata", ignore_errors=True)
    old.rename(new)  # nothing is left in the old place that could be read by mistake
    place.variables["MF_ROOT"] = str(new)


@then(parsers.parse("there is no flow called {flow}"))
def there_is_no_flow(place: Place, flow: str) -> None:
    assert requests.get(f"{place.url}/service/flows/{flow}", timeout=60).status_code == 404


@then("there is no database yet")
def no_database(place: Place) -> None:
    assert not place.settings.pgdata_dir.exists()


# ---- a browser, for whatever has pages


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsing.browser() as one:
        yield one


@pytest.fixture
def tab(chromium: Browser) -> Iterator[browsing.Tab]:
    with browsing.tab(chromium) as one:
        yield one


@pytest.fixture
def page(tab: browsing.Tab) -> Page:
    return tab.page


@given("a browser")
def a_browser(tab: browsing.Tab) -> None:
    pass
