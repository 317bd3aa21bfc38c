"""A `down` that is run while `up` is at work is the whole explanation of what fails in `up` then."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from metaflow_anywhere.errors import AnywhereError, Overtaken
from metaflow_anywhere.graph import Progress, Stopped
from metaflow_anywhere.graph.display import closing
from metaflow_anywhere.graph.plain import PlainDisplay
from metaflow_anywhere.graph.stage import Outcome, State
from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import Stack, watchdog
from metaflow_anywhere.stack.overtaking import note_taken_down
from metaflow_anywhere.stack.stages.base import ProgramStage


class OneProgram(ProgramStage):
    program_name = "service"


@pytest.fixture
def stack(tmp_path: Path) -> Any:
    return SimpleNamespace(folder=tmp_path, supervisor=SimpleNamespace(stop=lambda name: True))


def test_what_fails_after_down_is_told_as_that(stack: Any) -> None:
    at_work, failed = OneProgram(stack, since=0.0), AnywhereError("service does not stay up")
    assert at_work.explain(failed) is failed
    OneProgram(stack).undo(Progress())
    assert isinstance(at_work.explain(failed), Overtaken)
    assert isinstance(at_work.explain(Stopped()), Stopped)


def test_an_up_that_began_after_down_is_not_overtaken(stack: Any) -> None:
    OneProgram(stack).undo(Progress())
    failed = AnywhereError("service does not stay up")
    assert OneProgram(stack, since=(stack.folder / "taken-down").stat().st_mtime).explain(failed) is failed


def test_no_supervisor_is_started_by_what_began_before_down(open_folder: Path) -> None:
    place = open_folder / "overtaken"
    real = Stack(resolve(environ={"MF_ROOT": str(place / "root"), "MF_STATE_DIR": str(place / "state")}))
    real.make_machine_folders()
    note_taken_down(real.folder)
    with pytest.raises(Overtaken):
        real.ensure_supervisor(Progress(), since=0.0)
    with pytest.raises(Overtaken):  # the last that an `up` does
        watchdog.keep(real, Progress())
    assert not real.supervisor.alive()
    assert not real.supervisor.configuration.exists()


def test_one_sentence_for_all_stages(capsys: pytest.CaptureFixture[str]) -> None:
    error = Overtaken("`down` was run meanwhile", run="invoke up")
    outcomes = [Outcome(name, State.FAILED, "down", 1.0, error) for name in ("start-db", "start-ui", "sync")]
    closing(outcomes, PlainDisplay(["start-db"], sys.stdout), next_command="invoke up", interrupted=False)
    assert capsys.readouterr().err.strip().splitlines() == ["✗ error: `down` was run meanwhile", "  run: invoke up"]
