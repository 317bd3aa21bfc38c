"""What the documents say is held by tests: those that they name are there."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[1]
NAMED = re.compile(r"`(\w+\.py)?::(\w+)`")


def test_the_tests_that_the_wire_contract_names_are_there() -> None:
    files: dict[str, list[str]] = {}
    for path in (PROJECT / "tests").rglob("test_*.py"):
        files.setdefault(path.name, []).append(path.read_text())
    file, named = "", 0
    for found in NAMED.finditer((PROJECT / "docs" / "wire-contract.md").read_text()):
        file = found[1] or file
        assert any(f"def {found[2]}(" in text for text in files.get(file, [])), f"{file}::{found[2]}"
        named += 1
    assert named > 20
