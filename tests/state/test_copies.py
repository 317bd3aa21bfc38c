"""Files written outside of root arrive there, and come back from there."""

from __future__ import annotations

from pathlib import Path

from metaflow_anywhere.state.copies import FileCopies, LogCopies, bring_back
from tests.state.lab import eventually


def test_what_is_written_is_copied_without_delay(place: Path) -> None:
    source, target = place / "datastore", place / "root" / "datastore"
    (source / "old").mkdir(parents=True)
    (source / "old" / "a").write_text("before")
    copies = FileCopies(source, target, print)
    copies.start()
    eventually((target / "old" / "a").exists, "the first comparison", 10)
    (source / "new" / "deep").mkdir(parents=True)
    (source / "new" / "deep" / "b").write_text("after")
    eventually((target / "new" / "deep" / "b").exists, "the copy of a new file", 10)
    (source / "last").write_text("at the end")
    copies.stop()
    assert (target / "last").read_text() == "at the end"


def test_a_folder_that_cannot_be_written_is_told_and_tried_again(place: Path) -> None:
    source, target = place / "datastore", place / "root"
    source.mkdir()
    (source / "a").write_text("x")
    target.write_text("a file in the way")
    said: list[str] = []
    copies = FileCopies(source, target, said.append)
    copies.start()
    eventually(lambda: said, "a word about it", 10)
    target.unlink()
    copies.stop()
    assert (target / "a").exists()


def test_an_empty_datastore_is_filled_and_a_used_one_is_left_alone(place: Path) -> None:
    source, target = place / "root" / "datastore", place / "datastore"
    source.mkdir(parents=True)
    (source / "a").write_text("kept")
    target.mkdir()
    assert bring_back(source, target)
    assert (target / "a").read_text() == "kept"
    (source / "b").write_text("later")
    assert not bring_back(source, target)
    assert not (target / "b").exists()


def test_logs_are_copied_whole_under_new_names_and_not_without_end(place: Path) -> None:
    logs, target = place / "logs", place / "root" / "logs"
    logs.mkdir()
    (logs / "sync.log").write_text("first")
    copies = LogCopies(logs, target, print, every=3600)
    copies.start()
    copies.stop()
    (folder,) = target.iterdir()
    assert (folder / "sync.log").read_text() == "first"
