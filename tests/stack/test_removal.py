"""What may be removed: never what others use."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import Stack
from metaflow_anywhere.stack.removal import parts


def listed(folder: Path) -> list[Path]:
    stack = Stack(resolve(environ={"MF_ROOT": str(folder / "root"), "MF_STATE_DIR": str(folder / "state")}))
    return [one.path for one in parts(stack, {"METAFLOW_HOME": str(folder)})]


def test_the_systems_python_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert listed(tmp_path) == []


def test_an_environment_of_our_own_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert listed(tmp_path) == []  # without pyvenv.cfg it is none
    (tmp_path / "pyvenv.cfg").write_text("")
    assert listed(tmp_path) == [tmp_path]
