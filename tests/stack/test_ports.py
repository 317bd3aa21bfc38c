"""A port that was asked for is taken or is an error; a default moves aside."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.settings import Settings, resolve
from metaflow_anywhere.stack import ports
from metaflow_anywhere.stack.ports import assign, free_port, is_free, recorded, require_free

PROJECT = Path(__file__).parents[2]


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


def test_a_port_that_is_free_and_not_for_us_is_not_told_as_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_why_not", lambda port: PermissionError(errno.EACCES, "Permission denied"))
    with pytest.raises(AnywhereError, match="port 80 cannot be used") as caught:
        require_free(80, "proxy, setting port", "option: --port")
    assert "below 1024" in caught.value.why
    assert "taken" not in str(caught.value)


@pytest.mark.parametrize("state", ["ip link set lo down", "ip link set lo up; ip address del 127.0.0.1/8 dev lo"])
def test_a_machine_without_ipv4_on_loopback_is_told_at_once(state: str) -> None:
    ask = "from metaflow_anywhere.stack.ports import require_loopback; require_loopback()"
    done = subprocess.run(
        ["unshare", "--map-root-user", "--net", "sh", "-c", f"{state}; exec {sys.executable} -c '{ask}'"],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unshare failed" in done.stderr:
        pytest.skip("no network of its own may be made here")
    assert "this machine cannot reach itself at 127.0.0.1" in done.stderr


def test_loopback_is_reached_here() -> None:
    ports.require_loopback()


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
