"""What root has of files that are written outside of it comes back, whatever is in their folder already."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.far.reach import Reach
from metaflow_anywhere.state import copies, filling
from metaflow_anywhere.state.filling import Filling
from metaflow_anywhere.state.tree import ARRIVING, FILLED, FILLING, REPLACED
from tests.state.test_copies import write

HOUR_SECONDS = 3600


@pytest.fixture
def one(place: Path) -> Filling:
    (place / "root" / "datastore").mkdir(parents=True)
    return Filling(place / "root" / "datastore", place / "datastore", "inc-1", ("latest_run",))


def age(path: Path, seconds: float) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_empty_folder_and_one_with_something_of_somebody_else_are_filled(one: Filling) -> None:
    assert not one.is_wanted()
    write(one.source / "a" / "b", "kept")
    write(one.source / ARRIVING / ".b.x1y2z3", "half")
    (one.target / ".metaflow").mkdir(parents=True)
    (one.target / ".metaflow" / "mf.cards").symlink_to(".")
    write(one.target / ".DS_Store", "of the Finder")
    assert one.is_wanted()
    assert one.fill() == 1
    assert (one.target / "a" / "b").read_text() == "kept"
    assert names(one.target) == [".DS_Store", FILLED, "a/b"]
    assert not one.is_wanted()


def test_what_another_machine_wrote_comes_when_it_is_our_turn_again(one: Filling) -> None:
    write(one.target / "mine", "of the first turn")
    one.settle()
    write(one.source / "theirs", "of the second")
    assert not one.is_wanted(), "in one turn, once is enough: the rest is brought as the copies go"
    again = Filling(one.source, one.target, "inc-3")
    assert again.is_wanted()
    assert again.fill() == 1
    assert names(one.target) == [FILLED, "mine", "theirs"]


def test_of_two_files_that_differ_the_newer_counts_and_the_other_is_kept(one: Filling) -> None:
    age(write(one.target / "log", "begun"), HOUR_SECONDS)
    write(one.source / "log", "begun and gone on with")
    age(write(one.source / "newer here", "old"), HOUR_SECONDS)
    write(one.target / "newer here", "new one")
    age(write(one.target / "loading", "whole"), HOUR_SECONDS)
    write(one.source / "loading", "")
    age(write(one.target / "as large", "12"), HOUR_SECONDS)
    write(one.source / "as large", "34")
    age(write(one.target / "latest_run", "12"), HOUR_SECONDS)
    write(one.source / "latest_run", "34")
    assert one.fill() == 2
    found = {name: (one.target / name).read_text() for name in ("log", "newer here", "loading", "as large")}
    assert found == {
        "log": "begun and gone on with", "newer here": "new one", "loading": "whole", "as large": "12",
    }  # fmt: skip
    assert (one.target / "latest_run").read_text() == "34"
    kept = [path.read_text() for path in (one.target / REPLACED).glob("*/log")]
    assert kept == ["begun"]


def test_filling_that_was_interrupted_is_gone_on_with(one: Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    write(one.source / "a", "kept")
    monkeypatch.setattr(copies, "RSYNC", ("false",))
    with pytest.raises(AnywhereError, match="cannot be filled"):
        one.fill()
    monkeypatch.undo()
    one.settle()
    write(one.target / "half of it", "x")
    assert one.is_wanted()
    one.fill()
    assert not (one.target / FILLING).exists()
    assert (one.target / "a").exists()


def test_a_folder_of_root_that_cannot_be_listed_is_not_taken_for_empty(
    one: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(one.source / "a" / "b", "kept")
    real = os.scandir

    def failing(path: Path) -> object:
        if Path(path) == one.source / "a":
            raise OSError(5, "Input/output error")
        return real(path)

    class Near(Reach):
        """Calls here, where the fault can be made."""

        def call(self, function: Any, *arguments: Any, data_bytes: int = 0) -> Any:
            return function(*arguments)

    one = replace(one, reach=Near(one.source))
    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(AnywhereError, match="cannot be filled"):
        one.is_wanted()


def test_many_files_are_compared_within_moments(one: Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "LOT_FILES", 1_000)
    for number in range(4_000):
        write(one.source / f"{number % 50}" / f"{number}", "x")
    said: list[str] = []
    assert one.fill(said.append) == 4_000
    assert len(said) == 4
    began = time.monotonic()
    assert not Filling(one.source, one.target, "inc-3").is_wanted()
    assert time.monotonic() - began < 5
