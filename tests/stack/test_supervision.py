"""A real supervisord is started, told, asked, and sorted out after whatever befell it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import NotYet, Progress, wait_until
from metaflow_anywhere.stack.supervision import Program, Supervisor

FOREVER = "import time; time.sleep(600)"
QUIET = Progress()


@pytest.fixture
def supervisor(open_folder: Path, request: pytest.FixtureRequest) -> Iterator[Supervisor]:
    folder = open_folder / f"sup-{abs(hash(request.node.name)) % 10**8}"
    (folder / "logs").mkdir(parents=True)
    one = Supervisor(folder.name, folder, folder / "logs", folder)
    yield one
    one.shut_down(QUIET)


def program(text: str = FOREVER, **options: object) -> Program:
    return Program("sleeper", [sys.executable, "-c", text], **options)  # type: ignore[arg-type]


def running_pid(supervisor: Supervisor, other_than: int | None = None) -> int:
    def question() -> int:
        info = supervisor.info("sleeper")
        if info is None or not info.running or info.pid in (None, other_than):
            raise NotYet(f"it is {info}")
        return int(info.pid or 0)

    return wait_until(question, what="the program", seconds=10, progress=QUIET)


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def start(supervisor: Supervisor, one: Program) -> int:
    supervisor.ensure(lambda: [one], QUIET)
    supervisor.start(one.name)
    return running_pid(supervisor)


def test_starting_twice_starts_once(supervisor: Supervisor) -> None:
    pid = start(supervisor, program())
    assert start(supervisor, program()) == pid


def test_a_killed_program_comes_back(supervisor: Supervisor) -> None:
    pid = start(supervisor, program())
    psutil.Process(pid).kill()
    assert running_pid(supervisor, other_than=pid) != pid


def test_a_change_of_what_a_program_is_told_stops_the_old_one(supervisor: Supervisor) -> None:
    old = start(supervisor, program(fingerprint="one"))
    assert supervisor.is_current(program(fingerprint="one"))
    assert not supervisor.is_current(program(fingerprint="two"))
    assert start(supervisor, program(fingerprint="two")) != old
    assert not lives(old)


def test_percent_signs_quotes_and_spaces_arrive_as_they_are(supervisor: Supervisor, tmp_path: Path) -> None:
    target = tmp_path / "100% 'odd' name"
    text = f"import os, time; open({str(target)!r}, 'w').write(os.environ['ODD']); time.sleep(600)"
    start(supervisor, program(text, environment={"ODD": "50% of it"}))

    def written() -> str:
        if not target.exists() or not target.read_text():
            raise NotYet("nothing is written")
        return target.read_text()

    assert wait_until(written, what="the file", seconds=10, progress=QUIET) == "50% of it"


def test_programs_of_a_killed_supervisor_are_ended_before_a_new_one_starts(supervisor: Supervisor) -> None:
    orphan = start(supervisor, program())
    mother = psutil.Process(orphan).parent()
    assert mother is not None
    mother.kill()
    mother.wait(60)
    assert psutil.pid_exists(orphan)
    assert start(supervisor, program()) != orphan
    assert not lives(orphan)


def test_a_supervisor_that_lost_its_socket_is_replaced(supervisor: Supervisor) -> None:
    pid = start(supervisor, program())
    mother = psutil.Process(pid).ppid()
    supervisor.socket.unlink()
    assert not supervisor.alive()
    again = start(supervisor, program())
    assert again != pid
    assert not lives(mother)


def test_shutting_down_leaves_nothing_and_is_safe_to_repeat(supervisor: Supervisor) -> None:
    pid = start(supervisor, program())
    mother = psutil.Process(pid).ppid()
    supervisor.shut_down(QUIET)
    supervisor.shut_down(QUIET)
    assert not lives(pid)
    assert not lives(mother)
    assert supervisor.programs() == {}


def test_a_program_that_does_not_exist_is_told_as_such(supervisor: Supervisor) -> None:
    supervisor.ensure(lambda: [Program("sleeper", ["/nowhere/at-all"])], QUIET)
    with pytest.raises(AnywhereError) as caught:
        supervisor.start("sleeper")
    assert "/nowhere/at-all" in caught.value.why
