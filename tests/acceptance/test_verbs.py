"""Steps of features/verbs.feature."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

from pytest_bdd import given, parsers, scenarios, then, when

from metaflow_anywhere.stack.passwords import read_passwords
from tasks.daily import STAGES
from tests.acceptance.place import Place
from tests.tasks.test_imports import COSTLY

scenarios("verbs.feature")

# Of our own: what only work needs.
MACHINERY = {f"metaflow_anywhere.{name}" for name in ("stack.upgrade", "state.restore", "state.copies")}


@when('a shell evaluates "invoke env"')
def a_shell_evaluates_env(place: Place) -> None:
    program = "from metaflow import get_metadata; print(get_metadata())"
    place.run("bash", "-c", f'eval "$(invoke env)" && cd "{place.work}" && {sys.executable} -c "{program}"')


@then("a metaflow client in that shell reads from the stack")
def it_reads_from_the_stack(place: Place) -> None:
    assert place.last.status == 0, place.last.printed
    assert f"service@{place.url}/service" in place.last.out


@then("it prints the same settings as JSON")
def it_prints_json(place: Place) -> None:
    found = json.loads(place.last.out)
    exports = place.ask("invoke", "env").out
    assert all(f"export {name}=" in exports for name in found)
    assert found["METAFLOW_SERVICE_URL"] == f"{place.url}/service"


@then('it prints a "%env" line for each')
def it_prints_env_lines(place: Place) -> None:
    lines = place.last.out.splitlines()
    names = json.loads(place.ask("invoke", "env", "--json").out)
    assert [line.split("=")[0] for line in lines[: len(names)]] == [f"%env {name}" for name in names]
    assert f"%env METAFLOW_SERVICE_URL={place.url}/service" in lines


@when(parsers.parse('I run a command with "invoke run" that prints {variable} and ends with status {status:d}'))
def i_run_a_command(place: Place, variable: str, status: int) -> None:
    place.run("invoke", "run", "--", "sh", "-c", f"echo ${variable}; exit {status}")


@then("it lists database, service, ui and proxy with state, address, pid, memory, uptime and answer")
def it_lists_programs(place: Place) -> None:
    head, *lines = place.last.out.splitlines()
    assert head.split() == ["program", "state", "address", "pid", "memory", "uptime", "answer"]
    for name, line in zip(("database", "service", "ui", "proxy"), lines, strict=False):
        assert re.match(rf"{name}\s+up\s+\S+\s+\d+\s+\d+ MB\s+\d.*\d ms", line), line


@when(parsers.parse('I run "invoke {verb}", noting what it imports'))
def i_run_noting_imports(place: Place, verb: str) -> None:
    place.run(sys.executable, "-X", "importtime", "-m", "invoke", verb)


@then("no costly library was imported")
def nothing_costly_was_imported(place: Place) -> None:
    imported = set(re.findall(r"^import time: .*\| +([\w.]+)$", place.last.err, re.MULTILINE))
    assert "metaflow_anywhere.stack.stack" in imported
    assert imported & (COSTLY - {"psutil"} | MACHINERY) == set()


@when('I run "invoke restart service"')
def i_restart_the_service(place: Place) -> None:
    place.notes["pids"] = place.pids()
    place.run("invoke", "restart", "service")


@then("only the program service was restarted")
def only_the_service_was_restarted(place: Place) -> None:
    before, after = place.notes["pids"], place.pids()
    assert {name for name in after if after[name] != before[name]} == {"service"}


@then("each line of the log has a time in UTC")
def each_line_has_a_time(place: Place) -> None:
    lines = [line for line in place.last.out.splitlines() if line.strip()]
    assert lines
    assert [line for line in lines if not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line)] == []


@then("the ten stages are listed in order, a line each")
def the_stages_are_listed(place: Place) -> None:
    names = [task.name for task in STAGES]
    listed = [line.split()[0] for line in place.last.out.splitlines() if line.split()[:1] and line.split()[0] in names]
    assert listed == names
    width = re.search(r"^  start-db +", place.last.out, re.M)
    assert width is not None
    continued = [line for line in place.last.out.splitlines() if line.startswith(" " * len(width[0]))]
    assert continued == []


@then("no password is in a command line, a log, or a file that others can read")
def no_password_is_anywhere(place: Place) -> None:
    passwords = read_passwords(place.settings.stack_dir / "secrets" / "pgpass").values()
    assert len(list(passwords)) == 2
    for process in place.processes():
        told = " ".join(process.cmdline()) + json.dumps(process.environ())
        assert not any(password in told for password in passwords), process
    for path in (place.settings.stack_dir, place.root):
        for file in (one for one in path.rglob("*") if one.is_file()):
            if any(password.encode() in file.read_bytes() for password in passwords):
                assert file.stat().st_mode & 0o077 == 0, file
                assert not file.is_relative_to(place.root), file
                assert not file.is_relative_to(place.settings.log_dir), file


@given(parsers.parse('a file that is already there, "{{work}}/{name}"'))
def a_file_that_is_there(place: Place, name: str) -> None:
    place.notes["work"] = str(place.work)
    (place.work / name).write_text("as it was")


@then("the file still says what it said")
def the_file_is_as_it_was(place: Place) -> None:
    assert (place.work / "my dump").read_text() == "as it was"


@given("a browser that notes what it opens")
def a_browser(place: Place) -> None:
    script = place.work / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > "{place.work}/opened"\n')
    script.chmod(0o755)
    place.variables["BROWSER"] = f"{script} %s"


@then("the browser opened the stack's page")
def the_page_was_opened(place: Place) -> None:
    assert (place.work / "opened").read_text().strip() == f"{place.settings.ui_ext_url}/"


@when("a program that knows only the user's home asks Metaflow for its service", target_fixture="told")
def a_program_asks(place: Place) -> str:
    program = "from metaflow import get_metadata; print(get_metadata())"
    told = place.ask("env", "-i", f"HOME={place.variables['HOME']}", f"PATH={place.variables['PATH']}",
                     "USER=tester", sys.executable, "-c", program)  # fmt: skip
    shutil.rmtree(Path(place.variables["HOME"]) / ".metaflowconfig")
    return told.printed


@then("it is the stack's")
def it_is_the_stacks(place: Place, told: str) -> None:
    assert f"service@{place.url}/service" in told


@when(parsers.parse("I run the example {name}"))
def i_run_the_example(place: Place, name: str) -> None:
    shortest = {"moving_card": ["--epochs", "1"], "many_at_once": ["--bounds", "100,200"], "second_try": []}[name]
    flow = place.flow(name, "run", *shortest)
    place.run(*(str(place.project / "examples" / f"{name}.py") if word.endswith(f"{name}.py") else word
                for word in flow))  # fmt: skip


@when(parsers.parse('I run "{command}" below an invoke.yaml with "{line}"'))
def i_run_below(place: Place, command: str, line: str, tmp_path: Path) -> None:
    for name in ("tasks.py", "fabfile.py", "fabric.yaml", "invoke.yaml"):
        shutil.copy(place.project / name, tmp_path)
    shutil.copytree(place.project / "tasks", tmp_path / "tasks")
    with (tmp_path / "invoke.yaml").open("a") as file:
        file.write(f"\nanywhere:\n  {line}\n")
    place.run("env", "-C", str(tmp_path), *command.split())
