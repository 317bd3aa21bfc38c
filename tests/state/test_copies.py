"""Files written outside of root arrive there whole, whatever is in the way, and come back from there."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from metaflow_anywhere.state import copies as copies_module
from metaflow_anywhere.state import tree as tree_module
from metaflow_anywhere.state.copies import FileCopies, complete
from metaflow_anywhere.state.log_copies import KEPT_LOGS, LogCopies
from tests.state.lab import eventually

Start = Callable[[], FileCopies]


@pytest.fixture
def source(place: Path) -> Path:
    folder = place / "datastore"
    folder.mkdir()
    return folder


@pytest.fixture
def target(place: Path) -> Path:
    (place / "root" / "pg").mkdir(parents=True)
    return place / "root" / "datastore"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def start(source: Path, target: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts copies that are ended at the end, and try again soon."""
    monkeypatch.setattr(copies_module, "SETTLE_SECONDS", 0.1)
    monkeypatch.setattr(copies_module, "RETRY_SECONDS", 0.2)
    monkeypatch.setattr(tree_module, "LOOK_SECONDS", 0.2)
    made: list[FileCopies] = []

    def begin() -> FileCopies:
        made.append(FileCopies(source, target, target.parent / "pg", said.append))
        made[-1].start()
        return made[-1]

    yield begin
    for one in made:
        one.end(10)
        one.join()


def await_complete(copies: FileCopies) -> None:
    eventually(lambda: copies.standing.until and not copies.standing.left, "the first comparison", 10)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_what_is_written_is_copied_without_delay(source: Path, target: Path, start: Start) -> None:
    write(source / "old" / "a", "before")
    copies = start()
    await_complete(copies)
    assert (target / "old" / "a").read_text() == "before"
    write(source / "new" / "deep" / "b", "after")
    eventually((target / "new" / "deep" / "b").exists, "the copy of a new file", 5)
    write(source / "last", "at the end")
    copies.end(10)
    copies.join()
    assert (target / "last").read_text() == "at the end"


def test_a_file_that_is_rewritten_in_place_with_the_same_size_and_time(
    source: Path, target: Path, start: Start
) -> None:
    log = write(source / "0.task_stdout.log", "one\n")
    await_complete(start())
    times = log.stat().st_mtime_ns
    log.write_text("two\n")
    os.utime(log, ns=(times, times))
    eventually(lambda: (target / log.name).read_text() == "two\n", "the new text", 5)


def test_a_file_is_copied_once_it_is_closed_and_appears_whole(source: Path, target: Path, start: Start) -> None:
    await_complete(start())
    seen: set[int] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            if (target / "large").exists():
                seen.add((target / "large").stat().st_size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with (source / "large").open("wb") as file:
        for _ in range(40):
            file.write(os.urandom(1 << 20))
            time.sleep(0.04)
    eventually(lambda: seen, "the copy", 10)
    time.sleep(0.5)
    ended.set()
    watcher.join()
    assert seen == {40 << 20}


def test_a_folder_that_is_moved_into_place_is_copied(source: Path, target: Path, place: Path, start: Start) -> None:
    await_complete(start())
    write(place / "elsewhere" / "deep" / "file", "moved")
    (place / "elsewhere").rename(source / "moved")
    eventually((target / "moved" / "deep" / "file").exists, "the copy of a folder", 5)
    write(source / "moved" / "deep" / "later", "in it")
    eventually((target / "moved" / "deep" / "later").exists, "the copy of a file in it", 5)


def test_without_events_files_are_looked_for(
    source: Path, target: Path, start: Start, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_module, "pyinotify", None)
    copies = start()
    await_complete(copies)
    write(source / "a" / "b", "found")
    eventually((target / "a" / "b").exists, "the copy", 10)
    assert copies.standing.blind
    assert any("looked through now and then" in line for line in said)


def test_a_limit_on_watches_is_told_and_worked_around(
    source: Path, target: Path, start: Start, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of this model is three folders; the kernel's own cannot be lowered for one program."""
    real = tree_module.pyinotify.INotifyWrapper.create

    class Limited:
        def __init__(self) -> None:
            self.inner, self.left = real(), 3

        def inotify_add_watch(self, *arguments: Any) -> int:
            self.left -= 1
            return self.inner.inotify_add_watch(*arguments) if self.left >= 0 else -1

        def str_errno(self) -> str:
            return "Errno=No space left on device (ENOSPC)"

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    monkeypatch.setattr(tree_module.pyinotify.INotifyWrapper, "create", Limited)
    copies = start()
    await_complete(copies)
    assert copies.standing.blind is None
    for number in range(9):
        write(source / f"folder{number}" / "file", "x")
    eventually((target / "folder8" / "file").exists, "the copies", 10)
    write(source / "folder8" / "later", "x")
    eventually((target / "folder8" / "later").exists, "a copy without a watch", 10)
    assert any("max_user_watches" in line for line in said)


def test_events_that_were_too_many_are_made_up_for(source: Path) -> None:
    tree = tree_module.Tree(source)
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for _ in range(limit // 2 + 1):  # two files in turns, since the kernel merges equal events
        (source / "a").open("a").close()
        (source / "b").open("a").close()
    write(source / "new" / "after", "x")
    assert source / "new" / "after" in tree.written(1.0)
    write(source / "later", "x")
    assert tree.written(1.0) == [source / "later"]
    tree.close()


def test_a_drive_that_is_gone_is_not_taken_for_an_empty_one(
    source: Path, target: Path, start: Start, said: list[str]
) -> None:
    copies = start()
    await_complete(copies)
    root = target.parent
    root.rename(root.with_name("away"))
    write(source / "meanwhile", "x")
    eventually(lambda: copies.standing.problem, "a word about it", 10)
    assert "is the drive still mounted?" in (copies.standing.problem or "")
    assert copies.standing.since
    assert copies.standing.left == 1
    assert not root.exists()
    root.with_name("away").rename(root)
    eventually((target / "meanwhile").exists, "the copy", 10)
    eventually(lambda: not copies.standing.problem, "the end of the problem", 10)
    assert len(said) == 2, "told when it begins and when it ends, not at each attempt"


def test_a_full_drive_is_told_and_leaves_no_halves(
    source: Path, start: Start, target: Path, small_disk: Path, said: list[str]
) -> None:
    target.symlink_to(small_disk)
    (source / "large").write_bytes(os.urandom(8 << 20))
    write(source / "small", "x")
    copies = start()
    eventually(lambda: copies.standing.problem, "a word about it", 10)
    assert "No space left" in (copies.standing.problem or "")
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["small"], "small ones go first"
    (source / "large").unlink()
    eventually(lambda: not copies.standing.problem, "the end of the problem", 10)


def test_a_file_that_cannot_be_copied_keeps_no_other_waiting(source: Path, target: Path, start: Start) -> None:
    copies = start()
    await_complete(copies)
    write(source / "good", "x")
    write(target / "bad" / "file", "a folder where a file should be")
    write(source / "bad", "x")
    eventually(lambda: copies.standing.problem, "a word about it", 10)
    write(source / "later", "x")
    eventually((target / "later").exists, "the copy of another", 10)
    assert (target / "good").exists()


def test_without_rsync_it_says_so(source: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies_module.shutil, "which", lambda name: None)
    write(source / "a", "x")
    copies = start()
    eventually(lambda: copies.standing.problem, "a word about it", 10)
    assert "apt-get install rsync" in (copies.standing.problem or "")


def test_the_end_is_in_time_and_what_is_left_is_completed_later(
    source: Path, target: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies_module, "RSYNC", (*copies_module.RSYNC, "--bwlimit=2m"))
    copies = start()
    await_complete(copies)
    for number in range(3):
        (source / f"large{number}").write_bytes(os.urandom(8 << 20))
    began = time.monotonic()
    copies.end(1.0)
    copies.join()
    assert time.monotonic() - began < 3
    assert copies.standing.left
    until = copies.standing.until
    assert until
    assert not list(target.glob("large*")), "no halves"
    monkeypatch.undo()
    assert complete(source, target, until) == 3
    assert (target / "large2").read_bytes() == (source / "large2").read_bytes()
    assert complete(source, target, until) == 0


def test_nothing_is_copied_any_more_once_another_machine_has_taken_over(
    source: Path, target: Path, start: Start
) -> None:
    copies = start()
    await_complete(copies)
    copies.end(0)
    write(source / "late", "x")
    copies.join()
    assert not (target / "late").exists()


def test_links_are_left_out(source: Path, target: Path, start: Start) -> None:
    (source / ".metaflow").mkdir()
    (source / ".metaflow" / "mf.cards").symlink_to(".")
    write(source / ".metaflow" / "Flow" / "card.html", "x")
    await_complete(start())
    assert (target / ".metaflow" / "Flow" / "card.html").exists()
    assert not (target / ".metaflow" / "mf.cards").is_symlink()
    assert not (target / ".metaflow" / "mf.cards").exists()


def test_what_only_root_has_is_brought_here_and_not_carried_back(source: Path, target: Path, start: Start) -> None:
    write(source / "a" / "mine", "here")
    write(target / "a" / "b" / "theirs", "there")
    write(target / copies_module.ARRIVING / ".c.x1y2z3", "half")
    copies = start()
    eventually((source / "a" / "b" / "theirs").exists, "what only root has", 10)
    await_complete(copies)
    assert (target / "a" / "mine").read_text() == "here"
    mark = (target / "a" / "b" / "theirs").stat().st_ino
    write(source / "later", "x")
    eventually((target / "later").exists, "a later copy", 10)
    assert (target / "a" / "b" / "theirs").stat().st_ino == mark, "it was carried back"
    assert {path.name for path in source.rglob("*") if path.is_file()} == {"mine", "theirs", "later"}


def test_half_files_are_told_of_and_copied_once_nobody_writes_them(
    source: Path, target: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = start()
    await_complete(copies)
    write(source / "x.tmp", "half")
    eventually(lambda: copies.standing.left == 1, "a word of it", 10)
    (source / "x.tmp").rename(source / "x")
    eventually(lambda: copies.standing.left == 0, "the end of it", 10)
    assert (target / "x").exists()
    assert not (target / "x.tmp").exists()
    write(source / "left.tmp", "by somebody who was killed")
    eventually(lambda: copies.standing.left == 1, "a word of it", 10)
    monkeypatch.setattr(copies_module, "OPEN_SECONDS", 0.1)
    eventually((target / "left.tmp").exists, "its copy", 10)
    write(source / "last.tmp", "at the end")
    copies.end(10)
    copies.join()
    assert (target / "last.tmp").exists()
    (target / "last.tmp").unlink()
    assert complete(source, target, None) == 1, "all that is said to be in root is in it"


def test_logs_are_copied_whole_under_new_names_and_not_without_end(
    place: Path, target: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, kept = place / "logs", place / "root" / "logs"
    write(logs / "sync.log", "first")
    copies = LogCopies(logs, kept, target.parent / "pg", said.append, every=3600)
    copies.start()
    copies.end(10)
    copies.join()
    (archive,) = kept.iterdir()
    with tarfile.open(archive) as opened:
        (member,) = [one for one in opened.getmembers() if one.name.endswith("/sync.log")]
        text = opened.extractfile(member)
        assert text
        assert text.read() == b"first"
    assert not stat.S_IMODE(archive.stat().st_mode) & 0o077, "logs are nobody else's business"
    copies.copy()
    assert list(kept.iterdir()) == [archive], "nothing was logged since"
    for number in range(KEPT_LOGS + 1):
        monkeypatch.setattr(time, "gmtime", lambda number=number: (2030, 1, 1, 0, 0, number, 1, 1, 0))
        write(logs / "sync.log", f"{number}")
        os.utime(logs / "sync.log", (2e9 + number, 2e9 + number))
        copies.copy()
    assert len(list(kept.iterdir())) == KEPT_LOGS
    shutil.rmtree(target.parent)
    os.utime(logs / "sync.log", (3e9, 3e9))
    copies.copy()
    assert not target.parent.exists(), "a folder was made where the drive should be"
