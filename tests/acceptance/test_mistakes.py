"""Steps of features/mistakes.feature."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, scenarios, then, when

from tests.acceptance.place import Place

scenarios("mistakes.feature")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 12 MB."""
    with tempfile.TemporaryDirectory(prefix="mfa-disk-", dir="/tmp") as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=755", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "-l", name], check=True)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@given("another program listens on the stack's port")
def another_program_listens(place: Place, listener: socket.socket) -> None:
    place.variables["MF_PORT"] = str(listener.getsockname()[1])


@given("a root that cannot be written", target_fixture="place")
def a_root_that_cannot_be_written(fresh_place: Place) -> Place:
    # /proc can be written by nobody, root included
    fresh_place.variables["MF_ROOT"] = "/proc/metaflow"
    fresh_place.variables["PGDATA_DIR"] = str(fresh_place.folder / "pgdata")
    return fresh_place


@given("a root that is a file", target_fixture="place")
def a_root_that_is_a_file(fresh_place: Place) -> Place:
    fresh_place.root.write_text("a list of things to buy")
    return fresh_place


@given(parsers.parse("a root with a path of {length:d} characters"), target_fixture="place")
def a_deep_root(fresh_place: Place, length: int) -> Place:
    deep = fresh_place.root
    while len(str(deep)) < length - 100:
        deep = deep / "a-folder-in-a-folder"
    deep = deep / ("x" * (length - len(str(deep)) - 1))
    assert len(str(deep)) == length
    fresh_place.variables["MF_ROOT"] = str(deep)
    return fresh_place


@given("a root on a disk of 12 MB", target_fixture="place")
def a_root_on_a_small_disk(fresh_place: Place, small_disk: Path) -> Place:
    fresh_place.variables["MF_ROOT"] = str(small_disk / "root")
    fresh_place.root = small_disk / "root"
    return fresh_place


@given("the PostgreSQL program initdb is missing")
def initdb_is_missing(place: Place) -> None:
    state = place.folder / "state"
    place.variables["MF_STATE_DIR"] = str(state)
    doctor = place.ask("invoke", "doctor")  # copies the programs
    assert doctor.status == 0, doctor.printed
    (found,) = state.rglob("bin/initdb")
    found.unlink()


@when("I bring up a second stack on the same port")
def a_second_stack_on_the_same_port(place: Place, second_place: Place) -> None:
    second_place.variables["MF_PORT"] = place.variables["MF_PORT"]
    place.last = second_place.ask("invoke", "up")


@when("I run the bundled flow for another root on the same port")
def the_bundled_flow_for_another_root(place: Place, second_place: Place) -> None:
    second_place.variables["MF_PORT"] = place.variables["MF_PORT"]
    place.last = second_place.ask("invoke", "hello")


@then(parsers.parse('it fails with "{text}"'))
def it_fails_with(place: Place, text: str) -> None:
    assert place.last.status not in (0, -1)
    assert text in place.last.err
    assert "Traceback" not in place.last.printed


@then("it names the other program and the way out")
def it_names_the_other_program(place: Place) -> None:
    assert f"process {os.getpid()}" in place.last.err
    assert "invoke up --port" in place.last.err


@then("no half-made database is left")
def no_half_made_database(place: Place) -> None:
    assert [path.name for path in place.root.iterdir() if "pgdata" in path.name] == []
