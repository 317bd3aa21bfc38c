"""A reader of our output that goes away, as `head` does, is no fault to tell of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("arguments", [["status"], ["--list"], ["export", "--help"], []])
def test_what_is_printed_to_a_reader_that_went_away_ends_without_a_traceback(
    tmp_path: Path, arguments: list[str]
) -> None:
    environment = {**os.environ, "MF_ROOT": str(tmp_path / "root"), "MF_STATE_DIR": str(tmp_path / "state"),
                   "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}  # fmt: skip
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "invoke", *arguments], cwd=PROJECT, env=environment,
                          stdout=writing, stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    os.close(writing)
    assert "Traceback" not in done.stderr
    assert done.returncode == 141
