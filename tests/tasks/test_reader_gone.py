"""A reader of our output that goes away, as `head` does, is no fault to tell of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_a_verb_whose_reader_goes_away_prints_no_traceback(tmp_path: Path) -> None:
    environment = {**os.environ, "MF_ROOT": str(tmp_path / "root"), "MF_STATE_DIR": str(tmp_path / "state"),
                   "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}  # fmt: skip
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "invoke", "status"], cwd=PROJECT, env=environment,
                          stdout=writing, stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    os.close(writing)
    assert "Traceback" not in done.stderr
    assert done.returncode == 141
