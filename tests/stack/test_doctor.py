"""Each finding of the doctor says what is and, where it is not well, what to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import Stack
from metaflow_anywhere.stack.doctor import Finding, examine, file_system
from metaflow_anywhere.stack.ports import free_port


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


def test_the_file_system_of_a_mount_point_is_known() -> None:
    assert file_system(Path("/proc/sys")) == "proc"
