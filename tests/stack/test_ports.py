"""A port that was asked for is taken or is an error; a default moves aside."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.settings import Settings, resolve
from metaflow_anywhere.stack.ports import assign, free_port, is_free, recorded, require_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def settings(**environ: str) -> Settings:
    return resolve(environ={"MF_ROOT": "/tmp/somewhere", "MF_EXPOSE_INNER": "yes", **environ})


def test_who_holds_a_port_is_named(taken: int) -> None:
    assert not is_free(taken)
    with pytest.raises(AnywhereError) as caught:
        require_free(taken, "proxy, setting port", "default")
    assert f"process {os.getpid()}" in caught.value.why
    assert caught.value.run.startswith("invoke up --port ")


def test_a_port_that_was_asked_for_is_not_exchanged(taken: int, tmp_path: Path) -> None:
    with pytest.raises(AnywhereError, match=f"port {taken} is taken"):
        assign(settings(MF_METADATA_PORT=str(taken)), tmp_path / "ports.json", running=False)


def test_a_default_that_is_taken_moves_aside_and_stays_there(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "ports.json"
    plain = settings()
    object.__setattr__(plain, "metadata_port", taken)
    first = assign(plain, record, running=False)
    assert first.service != taken
    assert recorded(record) == first
    assert assign(plain, record, running=False) == first


def test_a_running_stack_keeps_its_ports_though_they_are_in_use(taken: int, tmp_path: Path) -> None:
    record = tmp_path / "ports.json"
    record.write_text(f'{{"database": {taken}, "service": {taken}, "ui": {taken}}}')
    assert assign(settings(), record, running=True).service == taken


def test_without_being_asked_for_no_inner_program_has_a_port(taken: int, tmp_path: Path) -> None:
    found = assign(settings(MF_EXPOSE_INNER="no", MF_METADATA_PORT=str(taken)), tmp_path / "ports.json", running=False)
    assert (found.service, found.ui) == (None, None)
    assert found.database  # a part of the socket's name


def test_a_damaged_record_is_as_good_as_none(tmp_path: Path) -> None:
    record = tmp_path / "ports.json"
    record.write_text('{"database": 1')
    assert recorded(record) is None
    assert assign(settings(MF_METADATA_PORT=str(free_port())), record, running=False) == recorded(record)
