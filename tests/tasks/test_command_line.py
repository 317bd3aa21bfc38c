"""What the command line says where Invoke's own words would not help."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def invoke(folder: Path, *arguments: str, cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """``invoke`` with ``arguments``, by a user whose home is ``folder``."""
    environment = {**os.environ, "MF_ROOT": str(folder / "root"), "MF_STATE_DIR": str(folder / "state"),
                   "HOME": str(folder)}  # fmt: skip
    return subprocess.run([sys.executable, "-m", "invoke", *arguments], cwd=cwd, env=environment, capture_output=True,
                          text=True, check=False)  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["restore"], "Did you mean restore-snapshot?"),
        (["stauts"], "Did you mean status?"),
        (["status", "--prot", "7"], "Did you mean --port?"),
        (["status", "--jsn"], "Did you mean --json?"),
        (["export", "--hlep"], "Did you mean --help?"),
        (["--root", "/x", "status"], "Options of a verb stand after it"),
        (["--port=7", "status"], "VERB --port ..."),
    ],
)
def test_a_word_that_is_not_known_is_told_with_what_may_have_been_meant(
    tmp_path: Path, typed: list[str], told: str
) -> None:
    done = invoke(tmp_path, *typed)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_is_told_where_the_users_own_invoke_yaml_names_no_executor(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "tasks", tmp_path / "tasks")
    shutil.copy(PROJECT / "tasks.py", tmp_path)
    (tmp_path / "invoke.yaml").write_text("anywhere:\n  prot: 7\n")
    done = invoke(tmp_path, "status", cwd=tmp_path)
    assert done.returncode == 1
    assert "did you mean port?" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("yaml", "place"), [("anywhere: [1", "line 1, column 13"), ("anywhere:\n\tport: 7\n", "line 2, column 1")]
)
def test_a_mistake_in_invoke_yaml_is_told_by_its_place(tmp_path: Path, yaml: str, place: str) -> None:
    shutil.copytree(PROJECT / "tasks", tmp_path / "tasks")
    shutil.copy(PROJECT / "tasks.py", tmp_path)
    (tmp_path / "invoke.yaml").write_text(yaml)
    done = invoke(tmp_path, "--list", cwd=tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path}/invoke.yaml, {place} is not YAML" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_of_settings_that_is_given_and_wrong_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "given.yaml").write_text("anywhere: {port\n")
    done = invoke(tmp_path, "-f", str(tmp_path / "given.yaml"), "status")
    assert done.returncode == 1
    assert "given.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bare_call_prints_the_verbs(tmp_path: Path) -> None:
    done = invoke(tmp_path)
    assert done.returncode == 0
    assert "VERB --help" in done.stdout.splitlines()[0]
    assert "Bring the whole stack up" in done.stdout
    assert "--no-dedupe" not in done.stdout
