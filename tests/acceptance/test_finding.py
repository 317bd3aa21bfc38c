"""Steps of features/finding.feature."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from pytest_bdd import given, parsers, scenarios, then, when

from tests.acceptance.place import Place, Result

scenarios("finding.feature")


@given("a new shell in which root and port are not named")
def a_new_shell(place: Place) -> None:
    for name in ("MF_ROOT", "MF_PORT", "MF_METADATA_PORT", "MF_DATABASE_PORT", "MF_UI_METADATA_PORT"):
        del place.variables[name]


@given("somebody's own profile called anywhere")
def somebodys_profile(place: Place) -> None:
    profile(place).parent.mkdir(exist_ok=True)
    profile(place).unlink(missing_ok=True)
    profile(place).write_text('{"METAFLOW_DEFAULT_METADATA": "local"}')


def profile(place: Place) -> Path:
    """Where the profile is, in this place's home."""
    return Path(place.variables["HOME"]) / ".metaflowconfig" / "config_anywhere.json"


@when('the cell of "invoke env --notebook" runs in a notebook')
def the_cell_runs(place: Place) -> None:
    run_cells(place, place.ask("invoke", "env", "--notebook").out)


@when('the cell of "invoke env --notebook" runs in a notebook that has imported Metaflow')
def the_cell_runs_late(place: Place) -> None:
    run_cells(place, "import metaflow", place.ask("invoke", "env", "--notebook").out)


def run_cells(place: Place, *cells: str) -> None:
    """Run ``cells`` in a fresh kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    try:
        NotebookClient(notebook, timeout=120).execute(env=place.variables)
    except CellExecutionError as error:
        place.last = Result(1, "", str(error))
    else:
        place.last = Result(0, "", "")


@then("it prints the address and the datastore of the stack that runs")
def it_prints_the_stack(place: Place) -> None:
    assert f"METAFLOW_SERVICE_URL=http://127.0.0.1:{place.port}/service" in place.last.out
    assert f"METAFLOW_DATASTORE_SYSROOT_LOCAL={place.root}/datastore" in place.last.out
    assert f"METAFLOW_UI_URL=http://127.0.0.1:{place.port}" in place.last.out
    assert "METAFLOW_USER" not in place.last.out


@then("it says which stack it means")
def it_says_which(place: Place) -> None:
    assert f"the only stack that runs here, {place.root}" in place.last.err


@then("standard output is empty")
def standard_output_is_empty(place: Place) -> None:
    assert place.last.out == ""


@then(parsers.parse('it prints "invoke up --root {folder}"'))
def it_prints_the_way(place: Place, folder: str) -> None:
    assert f"invoke up --root {place.folder / 'elsewhere'}" in place.last.err


@then("a client in an empty environment with METAFLOW_PROFILE=anywhere reads from the stack")
def a_client_reads(place: Place) -> None:
    program = "from metaflow import get_metadata; print(get_metadata())"
    environment = [f"HOME={place.variables['HOME']}", "METAFLOW_PROFILE=anywhere", f"PATH={place.variables['PATH']}"]
    answer = place.ask("env", "-i", *environment, sys.executable, "-c", program)
    assert f"service@{place.url}/service" in answer.out, answer.printed
    assert "METAFLOW_USER" not in json.loads(profile(place).read_text())


@then(parsers.parse('it is refused with "{text}"'))
def it_is_refused(place: Place, text: str) -> None:
    assert place.last.status == 1, place.last.printed
    assert text in place.last.err


@then("that profile is as it was")
def it_is_as_it_was(place: Place) -> None:
    assert json.loads(profile(place).read_text()) == {"METAFLOW_DEFAULT_METADATA": "local"}
    profile(place).unlink()


@then('it prints the same as "invoke settings"')
def it_prints_the_same(place: Place) -> None:
    assert place.last.out == place.ask("invoke", "settings").out
