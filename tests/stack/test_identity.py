"""The name that the proxy tells anybody: kept, and no trace of where root is."""

from __future__ import annotations

from pathlib import Path

from metaflow_anywhere.stack.identity import kept_name


def test_a_stack_keeps_its_name(tmp_path: Path) -> None:
    first = kept_name(tmp_path / "identity")
    assert kept_name(tmp_path / "identity") == first
    assert len(first) == 16
    assert [path.name for path in tmp_path.iterdir()] == ["identity"]


def test_the_name_follows_from_nothing(tmp_path: Path) -> None:
    """The same root, made anew in the same place, has another name."""
    names = set()
    for _ in range(3):
        names.add(kept_name(tmp_path / "identity"))
        (tmp_path / "identity").unlink()
    assert len(names) == 3
