"""A Unix socket is its owner's alone from the moment it has its name, takes the place of one left behind, and waits for
as many as were asked for."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from metaflow_anywhere.database.settings import SettingsError
from metaflow_anywhere.http import Place, listen, listen_unix, serve_on
from metaflow_anywhere.http.listening import BACKLOG


def test_only_its_owner_may_open_a_socket_whatever_the_umask_is(tmp_path: Path) -> None:
    path = tmp_path / "one.sock"
    before = os.umask(0)
    try:
        listen_unix(path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_socket_that_was_left_behind_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "one.sock"
    listen_unix(path).close()
    with listen_unix(path) as second, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        second.accept()[0].close()
    assert [one.name for one in tmp_path.iterdir()] == ["one.sock"]


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on .*: No such file or directory"):
        listen_unix(tmp_path / "none" / "one.sock")


def test_a_port_is_opened_beside_a_socket_only_if_it_is_asked_for(tmp_path: Path) -> None:
    for tcp, families in ((False, [socket.AF_UNIX]), (True, [socket.AF_UNIX, socket.AF_INET])):
        found = Place("127.0.0.1", 0, tmp_path / "one.sock", tcp, "", ()).listen()
        assert [one.family for one in found] == families
        for one in found:
            one.close()


def test_what_the_command_line_says_goes_before_the_environment() -> None:
    environment = {"MF_X_PORT": "7", "MF_X_SOCKET": "/a", "PATH_PREFIX": "p/", "MF_ALLOWED_HOSTS": "One two"}
    told = Place.from_environment(environment, "MF_X", 8)
    assert told == Place("127.0.0.1", 7, Path("/a"), False, "/p", ("one", "two"))
    assert Place.from_environment({}, "MF_X", 8) == Place("127.0.0.1", 8, None, True, "", ())
    parser = argparse.ArgumentParser()
    Place.add_options(parser)
    assert told.at(parser.parse_args([])) == told
    assert told.at(parser.parse_args(["--port", "0"])) == replace(told, port=0, tcp=True)
    elsewhere = Place.from_environment({}, "MF_X", 8).at(parser.parse_args(["--socket", "/b"]))
    assert elsewhere == Place("127.0.0.1", 8, Path("/b"), False, "", ())


def test_a_served_socket_keeps_its_queue() -> None:
    async def queue() -> int:
        async def answer(request: web.BaseRequest) -> web.Response:
            return web.Response()

        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        listening = listen("127.0.0.1", 0)
        await serve_on(runner, [listening])
        told = subprocess.run(
            ["ss", "-Hltn", f"sport = :{listening.getsockname()[1]}"], capture_output=True, text=True, check=True
        ).stdout.split()
        await runner.cleanup()
        return int(told[2])

    most = int(Path("/proc/sys/net/core/somaxconn").read_text())
    assert asyncio.run(queue()) == min(BACKLOG, most)
