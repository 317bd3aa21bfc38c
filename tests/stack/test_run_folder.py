"""The folder of sockets below /tmp, where anybody may have put something in its place first."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import Stack

ANOTHER_USER = 4711


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """One whose state folder is too deep for sockets."""
    variables = {"MF_ROOT": str(tmp_path / "root"), "MF_STATE_DIR": str(tmp_path / ("deep" * 25))}
    made = Stack(resolve(environ={"HOME": str(tmp_path), **variables}))
    folder = made.settings.run_dir
    assert folder.parent == Path("/tmp")
    yield made
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        for one in folder.iterdir():
            one.rmdir()
        folder.rmdir()


def refused(stack: Stack, why: str) -> None:
    with pytest.raises(AnywhereError) as told:
        stack.make_folders()
    assert str(stack.settings.run_dir) in str(told.value)
    assert why in told.value.why
    assert "MF_STATE_DIR=" in told.value.run


def test_a_link_in_its_place_is_not_followed(stack: Stack, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    stack.settings.run_dir.symlink_to(elsewhere)
    refused(stack, "is a link")
    assert list(elsewhere.iterdir()) == []
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755


def test_nor_is_one_that_leads_nowhere(stack: Stack, tmp_path: Path) -> None:
    stack.settings.run_dir.symlink_to(tmp_path / "nothing")
    refused(stack, "")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_account_s_folder_is_not_used(stack: Stack) -> None:
    stack.settings.run_dir.mkdir(mode=0o777)
    os.chown(stack.settings.run_dir, ANOTHER_USER, ANOTHER_USER)
    refused(stack, "belongs to another user")
    assert list(stack.settings.run_dir.iterdir()) == []


def test_our_own_is_closed_to_others_whatever_it_was(stack: Stack) -> None:
    stack.settings.run_dir.mkdir()
    stack.settings.run_dir.chmod(0o777)
    stack.make_folders()
    assert not stat.S_IMODE(stack.settings.run_dir.stat().st_mode) & 0o066
