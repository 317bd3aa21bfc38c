"""Each finding of the doctor says what is and, where it is not well, what to do."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import Stack
from metaflow_anywhere.stack.doctor import Finding, examine, file_system
from metaflow_anywhere.stack.ports import free_port
from metaflow_anywhere.state.copies import Copied
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.lease import take_lease
from metaflow_anywhere.state.standing import Reporter


def findings(folder: Path, environ: Mapping[str, str] | None = None, **settings: str) -> dict[str, Finding]:
    variables = {"MF_ROOT": str(folder / "root"), "MF_STATE_DIR": str(folder / "state"), "MF_PORT": str(free_port())}
    stack = Stack(resolve(environ={**variables, **settings}))
    return {one.subject: one for one in examine(stack, environ or {})}


@pytest.fixture
def place(open_folder: Path, request: pytest.FixtureRequest) -> Path:
    folder = open_folder / f"doctor-{abs(hash(request.node.name)) % 10**8}"
    folder.mkdir()
    return folder


def test_a_healthy_place_has_nothing_to_mend(place: Path) -> None:
    assert [one for one in findings(place).values() if one.level == "bad"] == []


def test_a_port_that_is_taken_is_told_with_its_holder(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = findings(place, MF_PORT=str(server.getsockname()[1]))["ports"]
    assert found.level == "bad"
    assert f"process {os.getpid()}" in found.text


def test_a_folder_that_cannot_be_written_is_told(place: Path) -> None:
    found = findings(place, DATASTORE_DIR="/proc/nothing")["datastore"]
    assert found.level == "bad"
    assert found.way_out


def test_a_shell_that_points_elsewhere_is_told(place: Path) -> None:
    found = findings(place, {"METAFLOW_SERVICE_URL": "http://elsewhere"})["client"]
    assert "http://elsewhere" in found.text
    assert "invoke env" in found.way_out


def test_who_holds_the_lease_is_told(place: Path) -> None:
    drive = Drive(place / "root" / "pg")
    drive.prepare()
    lease = take_lease(drive)
    assert findings(place)["lease"].text.startswith(f"incarnation 1 of {lease.host}, since 20")


def test_a_mirror_without_a_sound_base_is_told(place: Path) -> None:
    Drive(place / "root" / "pg").prepare()
    assert findings(place)["base"].level == "bad"


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        ({"state": "current"}, "ok", "nothing new to save so far"),
        ({"state": "degraded", "problem": "the drive is full"}, "bad", r"degraded for \d+ s: the drive is full"),
        (
            {"state": "fenced", "problem": "another has taken over"},
            "bad",
            r"taken over \d+ s ago: another has taken over",
        ),
    ],
)
def test_how_the_mirror_stands_is_told(place: Path, changes: dict[str, str], level: str, text: str) -> None:
    Drive(place / "root" / "pg").prepare()
    report(place, **changes)
    found = findings(place)["mirror"]
    assert found.level == level
    assert re.search(text, found.text), found


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        ({}, "ok", "is copied to"),
        ({"problem": "it is full", "since": 1.0}, "bad", "it is full"),
        ({"blind": "no watches left"}, "note", "no watches left"),
    ],
)
def test_how_files_outside_of_root_are_is_told(place: Path, changes: dict[str, Any], level: str, text: str) -> None:
    Drive(place / "root" / "pg").prepare()
    report(place, files=asdict(Copied("/ds", "/r", **{"until": 1.0, **changes})))
    found = findings(place, DATASTORE_DIR=str(place / "elsewhere"))["files"]
    assert (found.level, text in found.text) == (level, True), found


def test_a_missing_rsync_is_told_where_it_is_needed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Drive(place / "root" / "pg").prepare()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    found = findings(place, DATASTORE_DIR=str(place / "elsewhere"))["files"]
    assert found.way_out == "apt-get install rsync"


def report(place: Path, **changes: Any) -> None:
    """What the mirror's program would say of itself."""
    stack = Stack(resolve(environ={"MF_ROOT": str(place / "root"), "MF_STATE_DIR": str(place / "state")}))
    stack.folder.mkdir(parents=True, exist_ok=True)
    Reporter(stack.standing_file).tell(force=True, **changes)


def test_the_file_system_of_a_mount_point_is_known() -> None:
    assert file_system(Path("/proc/sys")) == "proc"
