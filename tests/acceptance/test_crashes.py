"""Steps of features/crashes.feature."""

from __future__ import annotations

import os
import signal
import time

import psutil
import requests
from pytest_bdd import parsers, scenarios, then, when

from metaflow_anywhere.stack.stages import READY_SECONDS
from tests.acceptance.place import COMMAND_SECONDS, Place, Result, eventually, words

scenarios("crashes.feature")


@when(parsers.parse('I start the flow fan with "{options}" and kill {program} while it runs'))
def i_kill_a_program(place: Place, options: str, program: str) -> None:
    before = requests.get(f"{place.url}/service/flows/Fan/runs", timeout=60).json()
    running = place.start(*place.flow("fan", "run", *words(options)))
    known = {run["run_number"] for run in before}

    def some_task_has_ended() -> bool:
        runs = requests.get(f"{place.url}/service/flows/Fan/runs", timeout=60).json()
        new = [run["run_number"] for run in runs if run["run_number"] not in known]
        path = f"flows/Fan/runs/{new[0]}/steps/work/artifacts" if new else "flows"
        return bool(new) and len(requests.get(f"{place.url}/service/{path}", timeout=60).json()) > 0

    eventually(some_task_has_ended, "the first parallel task")
    place.notes["killed"] = place.pids()[program]
    os.kill(place.notes["killed"], signal.SIGKILL)
    output, _ = running.communicate(timeout=COMMAND_SECONDS)
    place.last = Result(running.returncode, output, "")


@then(parsers.parse("the program {program} answers again without help"))
def it_answers_again(place: Place, program: str) -> None:
    eventually(lambda: place.status()[program]["state"] == "up", f"the return of {program}")
    assert place.pids()[program] != place.notes["killed"]


@then("the flow succeeds")
def the_flow_succeeds(place: Place) -> None:
    assert place.last.status == 0, place.last.printed


@when("everything is killed at once")
def everything_is_killed(place: Place) -> None:
    place.kill_everything()
    assert place.processes() == []


@when("the supervisor is killed")
def the_supervisor_is_killed(place: Place) -> None:
    supervisor = place.supervisor()
    supervisor.kill()
    supervisor.wait(60)
    assert len(place.processes()) >= 3  # its programs live on


@then("each program runs once")
def each_program_runs_once(place: Place) -> None:
    commands = [" ".join(one.cmdline()) for one in place.processes()]
    for sign in (
        "postgres -D",
        "metaflow_anywhere.service",
        "metaflow_anywhere.ui_backend",
        "caddy run",
        "supervisor.supervisord",
    ):
        mothers = [command for command in commands if sign in command]
        assert len(mothers) == 1, mothers


@when("the process numbers in the stale files now belong to others")
def stale_numbers_are_reused(place: Place) -> None:
    other = str(os.getpid())
    (place.settings.stack_dir / "supervisord.pid").write_text(other)
    stale = place.settings.pgdata_dir / "postmaster.pid"
    lines = stale.read_text().splitlines()
    stale.write_text("\n".join([other, *lines[1:]]) + "\n")


@when('I run "invoke up" and press Ctrl-C once the database is starting')
def i_press_ctrl_c(place: Place) -> None:
    running = place.start("invoke", "up")
    eventually((place.settings.stack_dir / "supervisord.conf").exists, "the start of the database")
    os.kill(running.pid, signal.SIGINT)
    output, _ = running.communicate(timeout=60)
    place.last = Result(running.returncode, output, "")


@when('I run "invoke up" and kill it once the database\'s files are there')
def i_kill_up(place: Place) -> None:
    running = place.start("invoke", "up")
    eventually((place.settings.pgdata_dir / "postmaster.pid").exists, "the start of a private database")
    running.kill()
    running.communicate(timeout=60)


@when('I run "invoke up" twice at the same time')
def i_run_up_twice(place: Place) -> None:
    both = [place.start("invoke", "up") for _ in range(2)]
    place.notes["both"] = [(one.communicate(timeout=COMMAND_SECONDS)[0], one.returncode) for one in both]


@then("both succeed")
def both_succeed(place: Place) -> None:
    for output, status in place.notes["both"]:
        assert status == 0, output


@when("the service hangs for so long that it cannot be just starting")
def the_service_hangs(place: Place) -> None:
    service = psutil.Process(place.notes["pids"]["service"])
    service.suspend()
    eventually(lambda: time.time() - service.create_time() > READY_SECONDS + 1, "the time to be patient")


@when("the service is stopped by a signal")
def the_service_is_stopped(place: Place) -> None:
    os.kill(place.notes["pids"]["service"], signal.SIGSTOP)


@then("it is replaced within a minute and a half")
def it_is_replaced(place: Place) -> None:
    old = place.notes["pids"]["service"]
    eventually(lambda: place.supervised("service") not in (None, old), "another service", seconds=90)
    eventually(lambda: place.status()["service"]["state"] == "up", "its answer")


@then('"invoke status" says what the watchdog did')
def status_says_what_was_done(place: Place) -> None:
    assert "restarted by the watchdog" in place.ask("invoke", "status").out


@then("the database was not restarted")
def the_database_is_the_same(place: Place) -> None:
    assert place.pids()["database"] == place.notes["pids"]["database"]
