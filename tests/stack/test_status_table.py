"""What is said of the mirror: everything one needs to know, on a screen of 80 columns."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack.questions import NoAnswer, ask_sync, duration
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.stack.status import ProgramStatus
from metaflow_anywhere.stack.status_table import mirror_lines, show
from metaflow_anywhere.state.standing import Reporter, Standing

COLUMNS = 80
BASE = {"time": 1.7e9, "bytes": 4_800_000, "folder": "inc-000003-0a81a2ab/base-0000000000D00028"}
FOLDER = Path("/content/drive/MyDrive/mf/pg")


def told(**changes: Any) -> str:
    now = time.time()
    known: dict[str, Any] = {
        "state": "current", "since": now - 200, "incarnation": 3, "host": "vm", "last_saved": now - 4,
        "files_per_minute": 64.0, "bytes_per_minute": 123_456.0, "newest_base": BASE, "bases": 2, "beat": now,
    }  # fmt: skip
    lines = [f"{name:<8}{text}" for name, text in mirror_lines(Standing(**{**known, **changes}), FOLDER)]
    return "\n".join(lines)


def files(**changes: Any) -> dict[str, Any]:
    known = {"source": "/ds", "target": "/r/datastore", "until": time.time(), "left": 0, "problem": None}
    return {**known, "since": None, "blind": None, **changes}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (3725, "1 h 2 min"), (90061, "1 d 1 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_mirror_that_is_well() -> None:
    text = told()
    assert "mirror  saved 4 s ago" in text
    assert "64 files, 0.12 MB in the last minute" in text
    assert re.search(r"base    verified \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, 4.6 MB", text)
    assert "lease   vm may write to this mirror (incarnation 3)" in text
    assert all(len(line) <= COLUMNS + len(str(FOLDER)) for line in text.splitlines())


def test_a_mirror_that_is_degraded_says_since_when_why_and_what_waits() -> None:
    text = told(state="degraded", problem="cannot write: No space left on device", behind_bytes=3 << 20)
    assert "mirror  degraded for 3 min 20 s: cannot write: No space left on device" in text
    assert "last saved 4 s ago; 3.0 MB of log wait on this machine" in text
    few = told(state="degraded", problem="it is full", behind_bytes=3000, last_saved=None)
    assert "nothing saved since it started; 3 kB of log wait on this machine" in few


def test_histories_beside_the_newest_state_are_named() -> None:
    beside = ["beside the newest state: incarnation 2-0badcafe of old", "beside the newest state: incarnation 3-c0ffee"]
    text = told(aside=beside)
    assert "\nbeside  incarnation 2-0badcafe of old\n        incarnation 3-c0ffee\n" in text
    assert "beside" not in told()


@pytest.mark.parametrize(
    ("state", "ill", "told", "not_told"),
    [
        ("degraded", ["sync"], "catches up by itself", "invoke up"),
        ("fenced", ["sync"], "to mend it: invoke up", "by itself"),
        ("degraded", ["sync", "service"], "to mend it: invoke up", "by itself"),
    ],
)
def test_a_drive_that_fails_is_not_said_to_be_mended_by_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], state: str, ill: list[str], told: str, not_told: str
) -> None:
    stack = Stack(resolve(environ={"MF_ROOT": str(tmp_path / "root"), "MF_STATE_DIR": str(tmp_path / "state")}))
    stack.standing_file.parent.mkdir(parents=True)
    Reporter(stack.standing_file).tell(force=True, state=state, problem="the folder is gone")
    names = ("database", "service", "sync")
    states = {name: "no answer" if name in ill else "up" for name in names}
    show(stack, [ProgramStatus(name, states[name], "", 1, None, None, None, "") for name in names])
    last = capsys.readouterr().out.splitlines()[-1]
    assert told in last
    assert not_told not in last


def test_a_mirror_that_was_taken_over_says_by_whom() -> None:
    text = told(state="fenced", problem="other has taken over (incarnation 4)", beat=0.0)
    assert "taken over 3 min 20 s ago: other has taken over (incarnation 4)" in text
    assert "vm may write to this mirror (incarnation 3), but has lost that" in text


def test_a_mirror_whose_program_is_gone_is_not_said_to_be_current() -> None:
    text = told(beat=time.time() - 100)
    assert "mirror  its program is gone; it was current 1 min 40 s ago" in text
    assert "what was committed since then is on this machine only" in text


def test_a_mirror_that_was_stopped_says_when() -> None:
    text = told(state="stopped", beat=time.time() - 200)
    assert "mirror  stopped 3 min 20 s ago" in text
    assert "of log" not in text
    assert "100 kB of log waited on this machine when it stopped" in told(state="stopped", behind_bytes=100 << 10)


def test_a_first_base_that_cannot_be_taken_says_why() -> None:
    assert "base    none yet: the disk is full" in told(newest_base=None, base_problem="the disk is full")


def test_files_outside_of_root() -> None:
    assert "files   all of /ds is in /r/datastore" in told(files=files())
    assert "files   1,200 of /ds are on their way" in told(files=files(left=1200))
    assert "files   3 of /r/datastore are on their way to /ds" in told(files=files(wanted=3))
    assert "is being compared" in told(files=files(until=None))
    failing = told(files=files(problem="it is full", since=time.time() - 61, left=3))
    assert "files   not copied for 1 min 1 s: it is full" in failing
    assert "3 of /ds wait" in failing
    assert "looked for now and then: no watches" in told(files=files(blind="no watches"))
    assert "\nfiles" not in told()


def test_the_mirror_is_not_healthy_while_files_are_not_copied(tmp_path: Path) -> None:

    stack = Stack(resolve(environ={"MF_ROOT": str(tmp_path / "root"), "MF_STATE_DIR": str(tmp_path / "state")}))
    stack.folder.mkdir(parents=True)
    reporter = Reporter(stack.standing_file)
    reporter.tell(force=True, state="current", newest_base=BASE, files=files())
    assert "mirrored to" in ask_sync(stack)
    reporter.tell(force=True, files=files(problem="it is full", since=1.0))
    with pytest.raises(NoAnswer, match="/ds is not copied to root: it is full"):
        ask_sync(stack)
