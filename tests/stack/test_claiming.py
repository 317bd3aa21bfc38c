"""The mirror's program is begun early, and touches no mirror before the command that began it has claimed it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import Progress
from metaflow_anywhere.graph.stage import Finding
from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import Stack
from metaflow_anywhere.stack.claiming import Claiming, await_claimed
from metaflow_anywhere.stack.stages.base import ProgramStage
from metaflow_anywhere.stack.stages.early import ImportingStage
from metaflow_anywhere.stack.stages.mirror import Sync

HOLDS = """
import sys, time
from pathlib import Path
from metaflow_anywhere.stack.claiming import Claiming
one = Claiming(Path(sys.argv[1]))
print(one.hold(), flush=True)
time.sleep(600)
"""


def waiting(folder: Path) -> threading.Event:
    went_on = threading.Event()

    def wait() -> None:
        await_claimed(folder)
        went_on.set()

    threading.Thread(target=wait, daemon=True).start()
    return went_on


def test_the_program_waits_for_the_claim_and_no_longer(tmp_path: Path) -> None:
    await_claimed(tmp_path)  # nobody claims: the supervisor has brought it back
    one = Claiming(tmp_path)
    assert one.hold()
    assert not Claiming(tmp_path).hold(), "one command at a time"
    went_on = waiting(tmp_path)
    assert not went_on.wait(0.2)
    one.release()
    assert went_on.wait(30)


def test_nobody_is_waited_for_who_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "True\n"
        went_on = waiting(tmp_path)
        assert not went_on.wait(0.2)
        process.send_signal(signal.SIGKILL)
    assert went_on.wait(30)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the supervisor is told of the mirror's program, which may begin."""
    said: list[str] = []
    monkeypatch.setattr(ImportingStage, "may_begin", lambda _: True)
    monkeypatch.setattr(ImportingStage, "start_early", lambda _: said.append("start"))
    return said


@pytest.fixture
def stage(tmp_path: Path, told: list[str]) -> Sync:
    stack = Stack(resolve(environ={"MF_ROOT": str(tmp_path / "root"), "MF_STATE_DIR": str(tmp_path / "state")}))
    stack.make_machine_folders()

    def stop(name: str) -> bool:
        told.append("stop" if not Claiming(stack.folder).hold() else "too late: it was let go on before it was ended")
        return True

    made: Any = stack
    made.supervisor = SimpleNamespace(stop=stop, info=lambda name: None)
    return Sync(stack)


def test_a_claim_that_is_refused_ends_the_program_that_waits_for_it(
    stage: Sync, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Sync, progress: Progress) -> None:
        raise AnywhereError("another machine has gone on from it")

    monkeypatch.setattr(Sync, "_claim", refuse)
    stage.begin()
    with pytest.raises(AnywhereError):
        stage.precede(Progress())
    assert told == ["start", "stop"]
    assert Claiming(stage.stack.folder).hold()


def test_a_program_that_waits_is_not_taken_for_one_that_is_up(
    stage: Sync, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProgramStage, "check", lambda _: pytest.fail("what was written by the one before is believed"))
    monkeypatch.setattr(Sync, "_claim", lambda *_: None)
    stage.begin()
    assert stage.check().finding is Finding.NEEDED
    stage.precede(Progress())
    assert told == ["start"]
    assert Claiming(stage.stack.folder).hold(), "the program goes on"


def test_what_begins_late_does_not_have_the_program_wait_for_ever(
    stage: Sync, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sync, "_claim", lambda *_: None)
    stage.precede(Progress())
    stage.begin()
    assert told == []
    assert Claiming(stage.stack.folder).hold()
