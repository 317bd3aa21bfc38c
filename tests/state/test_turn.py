"""One at a time writes to a mirror from one machine, and whoever dies keeps nobody waiting."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.state.turn import Turn, own_stage

HOLD = """
import sys, time
from pathlib import Path
from metaflow_anywhere.state.turn import Turn
with Turn(Path(sys.argv[1])).take("a snapshot"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def held(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that has the turn."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "lock"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_who_has_it_is_named(tmp_path: Path, held: subprocess.Popen[str]) -> None:
    turn, said = Turn(tmp_path / "lock"), list[str]()
    try:
        with pytest.raises(AnywhereError) as told, turn.take("a base", said.append, seconds=2.5):
            pass
        assert told.value.what == "another command of this machine writes to the mirror"
        assert f"a snapshot (process {held.pid}) has been at it since" in told.value.why
        assert len(said) == 1
        with turn.take_if_free("a base") as ours:
            assert not ours
    finally:
        held.kill()
        held.wait()


def test_one_that_was_killed_has_it_no_more(tmp_path: Path, held: subprocess.Popen[str]) -> None:
    held.send_signal(signal.SIGKILL)
    held.wait()
    with Turn(tmp_path / "lock").take_if_free("a base") as ours:
        assert ours


def test_the_next_has_it_once_the_block_ends(tmp_path: Path) -> None:
    turn = Turn(tmp_path / "lock")
    with turn.take("one"), turn.take_if_free("two") as ours:
        assert not ours
    with turn.take("two", seconds=0.0):
        pass


def test_a_stage_is_ones_own_and_what_the_dead_left_is_gone(tmp_path: Path) -> None:
    first = own_stage(tmp_path / "stage")
    first.mkdir()
    (first / "base.tar.gz").write_bytes(b"half")
    second = own_stage(tmp_path / "stage")
    assert second != first
    assert list((tmp_path / "stage").iterdir()) == [second.parent]
