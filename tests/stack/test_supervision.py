"""A real supervisord is started, told, asked, and sorted out after whatever befell it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
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

    return wait_until(question, what="the program", seconds=60, progress=QUIET)


def await_current(supervisor: Supervisor, one: Program) -> None:
    """For a moment, a process that was started is still the supervisor's copy of itself."""

    def question() -> None:
        if not supervisor.is_current(one):
            raise NotYet("it is not the program yet")

    wait_until(question, what="the program", seconds=60, progress=QUIET)


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


def test_a_change_of_what_a_program_is_told_stops_the_old_one_in_its_turn(supervisor: Supervisor) -> None:
    old = start(supervisor, program(fingerprint="one"))
    await_current(supervisor, program(fingerprint="one"))
    assert not supervisor.is_current(program(fingerprint="two"))
    assert start(supervisor, program(fingerprint="two")) == old  # until its turn comes
    assert supervisor.renew(program(fingerprint="two"))
    assert not lives(old)
    assert not supervisor.renew(program(fingerprint="two"))
    assert start(supervisor, program(fingerprint="two")) != old
    await_current(supervisor, program(fingerprint="two"))


def test_a_program_that_was_told_otherwise_still_comes_back_as_it_was(supervisor: Supervisor) -> None:
    old = start(supervisor, program(fingerprint="one"))
    supervisor.ensure(lambda: [program(fingerprint="two")], QUIET)
    psutil.Process(old).kill()
    assert running_pid(supervisor, other_than=old) != old
    assert supervisor.is_current(program(fingerprint="one"))


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
    with pytest.raises(AnywhereError) as caught:
        supervisor.ensure(lambda: [Program("sleeper", ["/nowhere/at-all"])], QUIET)
    assert "/nowhere/at-all" in caught.value.why


def limited(supervisor: Supervisor, files: int, text: str) -> subprocess.CompletedProcess[str]:
    """Start the supervisor and a program in a shell that may open at most ``files`` files."""
    script = f"""
from pathlib import Path
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import Progress
from metaflow_anywhere.stack.supervision import Program, Supervisor
one = Supervisor({supervisor.stack_id!r}, *map(Path, {[str(supervisor.folder), str(supervisor.logs)]!r}),
                 Path({str(supervisor.socket.parent)!r}))
try:
    one.ensure(lambda: [Program("sleeper", [{sys.executable!r}, "-c", {text!r}])], Progress())
    one.start("sleeper")
except AnywhereError as error:
    print("\\n".join(error.lines()))
"""
    shell = f"ulimit -n {files}; exec {shlex.quote(sys.executable)} -c {shlex.quote(script)}"
    return subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)


def test_a_shell_with_few_files_is_enough_and_each_program_gets_what_there_is(supervisor: Supervisor) -> None:
    tell = "import resource, time; print(*resource.getrlimit(resource.RLIMIT_NOFILE), flush=True); time.sleep(600)"
    assert limited(supervisor, 512, tell).stdout == ""
    log = supervisor.logs / "sleeper.log"

    def told() -> str:
        if not log.exists() or "\n" not in log.read_text():
            raise NotYet("nothing is written")
        return log.read_text().strip()

    assert wait_until(told, what="the program", seconds=20, progress=QUIET) == "512 512"


@pytest.mark.skipif(os.geteuid() == 0, reason="root raises the limit by itself")
def test_why_a_supervisor_does_not_start_is_told_to_a_user(supervisor: Supervisor) -> None:
    assert "file descriptors" in limited(supervisor, 40, FOREVER).stdout


def test_why_a_supervisor_does_not_start_is_told(supervisor: Supervisor) -> None:
    supervisor.socket = supervisor.folder / "no-such-folder" / "supervisor.sock"
    with pytest.raises(AnywhereError) as caught:
        supervisor.ensure(lambda: [program()], QUIET)
    assert "Cannot open an HTTP server" in str(caught.value)
    assert "For help" not in str(caught.value)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda one: one.log.mkdir(), "Is a directory"),
        (lambda one: setattr(one, "socket", one.folder / ("s" * 120)), "AF_UNIX path too long"),
    ],
    ids=["its log cannot be written", "its socket has a name that is too long"],
)
def test_the_reason_is_told_wherever_it_stands_in_what_the_supervisor_says(
    supervisor: Supervisor, spoil: Callable[[Supervisor], None], said: str
) -> None:
    spoil(supervisor)
    with pytest.raises(AnywhereError) as caught:
        supervisor.ensure(lambda: [program()], QUIET)
    assert said in str(caught.value)
    assert "For help" not in str(caught.value)


def test_the_process_itself_tells_whether_it_is_current(supervisor: Supervisor) -> None:
    start(supervisor, program(fingerprint="one"))
    changed = program(fingerprint="two")
    supervisor._write([changed])  # the moment between the file and the restart
    assert not supervisor.is_current(changed)
    assert supervisor.is_current(program(fingerprint="one"))


def test_programs_without_a_supervisor_are_told_from_a_stopped_stack(supervisor: Supervisor) -> None:
    assert supervisor.lost() == {}
    orphan = start(supervisor, program())
    assert supervisor.lost() == {}
    mother = psutil.Process(orphan).parent()
    assert mother is not None
    mother.kill()
    mother.wait(10)
    assert supervisor.lost() == {"sleeper": orphan}
