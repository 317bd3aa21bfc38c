"""``down`` completes the copy of what is written outside of root, whatever the mirror's program had time for."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import Stack
from metaflow_anywhere.stack.stages.ending import flush_files
from metaflow_anywhere.state.copies import Copied
from metaflow_anywhere.state.standing import Reporter


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    made = Stack(
        resolve(
            environ={
                "MF_ROOT": str(tmp_path / "root"),
                "MF_STATE_DIR": str(tmp_path / "state"),
                "DATASTORE_DIR": str(tmp_path / "fast"),
            }
        )
    )
    made.drive.root.mkdir(parents=True)
    made.folder.mkdir(parents=True)
    (made.settings.datastore_dir / "Flow").mkdir(parents=True)
    (made.settings.datastore_dir / "Flow" / "artifact").write_text("x")
    return made


def test_everything_is_copied_where_nothing_is_known(stack: Stack) -> None:
    assert flush_files(stack) == f"; all of {stack.settings.datastore_dir} is in {stack.datastore_copy}"
    assert (stack.datastore_copy / "Flow" / "artifact").read_text() == "x"


def test_what_was_written_since_the_last_copy_is_added(stack: Stack) -> None:
    standing = Copied(str(stack.settings.datastore_dir), str(stack.datastore_copy), until=time.time())
    Reporter(stack.standing_file).tell(force=True, files=asdict(standing))
    flush_files(stack)
    assert (stack.datastore_copy / "Flow" / "artifact").exists()


def test_what_was_copied_long_ago_is_not_looked_at_again(stack: Stack) -> None:
    standing = Copied(str(stack.settings.datastore_dir), str(stack.datastore_copy), until=time.time() + 3600)
    Reporter(stack.standing_file).tell(force=True, files=asdict(standing))
    flush_files(stack)
    assert not (stack.datastore_copy / "Flow").exists()


def test_a_copy_that_fails_is_an_error_that_can_be_tried_again(stack: Stack) -> None:
    stack.datastore_copy.write_text("a file in the way")
    with pytest.raises(AnywhereError, match=r"not all of .* is in") as failed:
        flush_files(stack)
    assert failed.value.run.startswith("invoke down")


def test_a_datastore_in_root_needs_no_copy(tmp_path: Path) -> None:
    made = Stack(resolve(environ={"MF_ROOT": str(tmp_path / "root"), "MF_STATE_DIR": str(tmp_path / "state")}))
    assert flush_files(made) == ""
