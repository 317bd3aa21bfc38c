"""What is told of the mirror and by the watchdog stays true on a disk that takes no new file."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow_anywhere.stack.healing import Healing, read_healing, write_healing
from metaflow_anywhere.state.standing import Reporter, read_standing

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "fill").open("wb", buffering=0) as file:
        while file.write(b"x" * 512):
            pass


def test_a_mirror_does_not_look_gone(small_disk: Path) -> None:
    reporter = Reporter(small_disk / "mirror.json")
    fill(small_disk)
    reporter.tell(force=True, state="current", problem="told although the disk is full")
    found = read_standing(small_disk / "mirror.json")
    assert found is not None and found.problem == "told although the disk is full"
    assert not list(small_disk.glob(".*.new"))


def test_a_watchdog_does_not_look_gone(small_disk: Path) -> None:
    path = small_disk / "watchdog.json"
    write_healing(path, Healing())
    os.utime(path, (time.time() - 600, time.time() - 600))
    fill(small_disk)
    write_healing(path, Healing())
    found = read_healing(path)
    assert found is not None and found.alive
