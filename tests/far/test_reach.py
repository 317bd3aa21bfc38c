"""What touches a place that hangs is left behind; a pipe that nobody writes to stands for such a place everywhere."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from metaflow_anywhere.far.hand import beat
from metaflow_anywhere.far.reach import Hanging, Reach
from metaflow_anywhere.state.drive import DriveError
from metaflow_anywhere.state.far_drive import FarDrive

PATIENCE_SECONDS = 2.0


@pytest.fixture
def hanging(tmp_path: Path) -> Path:
    """A file whose opening does not return until somebody opens it for writing."""
    path = tmp_path / "file"
    os.mkfifo(path)
    return path


@pytest.fixture
def reach(tmp_path: Path) -> Reach:
    return Reach(tmp_path, PATIENCE_SECONDS)


def takes_its_time(seconds: float) -> str:
    """Slow, but alive."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.1)
        beat()
    return "done"


def test_a_call_is_made_and_its_faults_are_its_callers(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("1")
    assert reach.call(os.listdir, tmp_path) == ["x"]
    with pytest.raises(FileNotFoundError):
        reach.call(os.listdir, tmp_path / "nothing")
    assert reach.hanging_since is None


def test_what_hangs_is_left_and_said_to_hang_since_it_was_asked(reach: Reach, hanging: Path) -> None:
    began = time.time()
    with pytest.raises(Hanging, match=r"it hangs: what was asked at .* has not been answered for"):
        reach.call(hanging.read_text)
    assert time.time() - began < PATIENCE_SECONDS + 2
    assert reach.hanging_since == pytest.approx(began, abs=1)


def test_while_it_hangs_nobody_else_is_kept_waiting(reach: Reach, hanging: Path) -> None:
    with pytest.raises(Hanging):
        reach.call(hanging.read_text)
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(Hanging):
            reach.call(hanging.read_text)
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_once_it_answers_again_everything_goes_on(reach: Reach, hanging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metaflow_anywhere.far.reach.RETRY_SECONDS", 0.2)
    with pytest.raises(Hanging):
        reach.call(hanging.read_text)
    hanging.unlink()
    hanging.write_text("there")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            assert reach.call(hanging.read_text) == "there"
            break
        except Hanging:
            time.sleep(0.05)
    assert reach.hanging_since is None


def test_what_is_slow_but_alive_is_waited_for(reach: Reach) -> None:
    assert reach.call(takes_its_time, 2.5 * PATIENCE_SECONDS) == "done"


def test_several_threads_do_not_wait_for_each_other(reach: Reach) -> None:
    began, found = time.monotonic(), list[str]()
    threads = [threading.Thread(target=lambda: found.append(reach.call(takes_its_time, 1.5))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["done"] * 4
    assert time.monotonic() - began < 5.5


def test_a_drive_that_hangs_is_a_drive_that_fails(reach: Reach, hanging: Path, tmp_path: Path) -> None:
    drive = FarDrive(tmp_path, reach)
    with pytest.raises(DriveError, match=f"cannot reach {tmp_path}: it hangs"):
        drive.read(hanging.name)


def test_a_far_drive_does_what_a_drive_does(tmp_path: Path) -> None:
    drive = FarDrive(tmp_path / "pg", Reach(tmp_path))
    assert not drive.is_there()
    drive.prepare()
    digest = drive.put_back("inc/file", b"x" * 3_000_000)
    assert drive.sha256("inc/file") == digest
    assert (drive.names("inc"), drive.size("inc"), drive.exists("inc/file")) == (["file"], 3_000_000, True)
    drive.fetch("inc/file", tmp_path / "local")
    assert (tmp_path / "local").read_bytes() == drive.read("inc/file")
    drive.delete("inc")
    assert drive.entries() == []
    assert drive.mark("inc/file") is None
    with pytest.raises(DriveError, match=r"cannot read .*: No such file"):
        drive.read("inc/file")
