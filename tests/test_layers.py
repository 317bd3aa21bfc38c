"""Imports run downwards: the contract of pyproject.toml holds, and an import against it is noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
LINT = Path(sys.executable).with_name("lint-imports")


@pytest.mark.parametrize(
    ("module", "line", "named"),
    [
        (
            "state/__init__.py",
            "from metaflow_anywhere import stack",
            "metaflow_anywhere.state -> metaflow_anywhere.stack",
        ),
        ("graph/model.py", "from metaflow_anywhere.graph import executor", "No cycles are allowed"),
    ],
)
def test_an_import_against_the_layers_is_noticed(module: str, line: str, named: str, tmp_path: Path) -> None:
    package = tmp_path / "metaflow_anywhere"
    shutil.copytree(PROJECT / "metaflow_anywhere", package, ignore=shutil.ignore_patterns("static", "__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    assert lint(tmp_path).returncode == 0
    with (package / module).open("a") as file:
        file.write(f"\n{line}\n")
    found = lint(tmp_path)
    assert found.returncode == 1
    assert named in found.stdout


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the linter says of the package in ``folder``."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    command = [str(LINT), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
