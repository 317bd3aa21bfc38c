"""What fails is told as what was asked: a full drive is not one that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_anywhere.state.drive import Drive, DriveError


def test_a_drive_that_cannot_be_written_and_one_that_cannot_be_read(place: Path, small_disk: Path) -> None:
    full = Drive(small_disk)
    with pytest.raises(DriveError) as failed:
        full.put("a/b", b"x" * (16 << 20))
    assert failed.value.title == "the mirror cannot be written"
    assert "No space left" in str(failed.value)
    with pytest.raises(DriveError) as failed:
        full.read("nothing")
    assert failed.value.title == "the mirror cannot be read"
