"""Every file and folder that the package makes is given its mode where it is made: no umask decides who may read it."""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import metaflow_anywhere
from metaflow_anywhere.modes import make_folder, open_private, touch_private, write_private

PACKAGE = Path(metaflow_anywhere.__file__).parent
# What is made there is no secret, or below a folder of `tempfile`, which is its owner's alone.
ELSEWHERE = {
    "modes.py": "the one place that does it",
    "ui_backend/building.py": "the web UI of an installation, which is for all who may use that",
    "postgres/programs.py": "PostgreSQL's programs, which its own account runs; each mode follows",
    "stack/launch.py": "only reads",
    "pickles/zygote.py": "only reads",
}
MAKERS = {"write_text", "write_bytes", "touch", "mkdir", "copyfile", "copy", "copy2", "copytree", "makedirs"}


def writes(values: Sequence[object]) -> bool:
    """Whether the first words of a call of ``open`` are those of one that writes."""
    return any(isinstance(one, str) and one[:1] in "wax" and len(one) <= 3 for one in values)


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and name of each call that makes a file or folder without a word on its mode."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        told = {one.arg for one in node.keywords}
        values = [one.value for one in node.args if isinstance(one, ast.Constant)]
        if name in MAKERS and "mode" not in told and not (name == "touch" and values):
            of = node.func.value if isinstance(node.func, ast.Attribute) else None
            if name not in ("copy", "copy2") or (isinstance(of, ast.Name) and of.id == "shutil"):
                yield node.lineno, name
        packed = ast.unparse(node.func) in ("tarfile.open", "gzip.open")  # in a stage of ours, which is closed
        if name == "open" and not packed and writes(values[:2]):
            yield node.lineno, name


def test_nothing_is_made_without_its_mode() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if name not in ELSEWHERE:
            found += [f"{name}:{line} {call}" for line, call in calls(ast.parse(path.read_text()))]
    assert found == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_are_what_they_are_said_to_be(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_private(tmp_path / "written", "text")
        write_private(tmp_path / "written", b"again")
        touch_private(tmp_path / "touched")
        with open_private(tmp_path / "opened", "w") as file:
            file.write("x")
        make_folder(tmp_path / "above" / "folder", 0o700, 0o711)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"written": 0o600, "touched": 0o600, "opened": 0o600, "above": 0o711, "folder": 0o700}
    assert (tmp_path / "written").read_bytes() == b"again"


def test_what_was_open_is_closed_when_it_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(0o644)
    write_private(path, "text")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    touch_private(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
