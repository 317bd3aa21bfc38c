"""A real UI backend in a process of its own, a real metadata service beside it, and what tests ask them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import requests

from tests.service.running import await_condition

START_SECONDS = 60.0
EVENT_SECONDS = 40.0


class RunningUI:
    """``python -m metaflow_anywhere.ui_backend`` on a free port; `url` and `process` are its."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        folder.mkdir(exist_ok=True)
        self.started_at = time.monotonic()
        self._log, self._out = folder / "ui.err", folder / "ui.out"
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(("MF_", "METAFLOW_"))}
        with self._log.open("wb") as errors, self._out.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "metaflow_anywhere.ui_backend", "--port", environment.get("TEST_PORT", "0")],
                env={**inherited, "MF_UI_CACHE_DIR": str(folder / "cache"), **environment},
                stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
            )  # fmt: skip
        prefix = environment.get("PATH_PREFIX", "")
        self.url = await_condition(self._address, START_SECONDS, "the UI backend listens") + prefix

    def _address(self) -> str | None:
        assert self.process.poll() is None, self.log()
        found = re.search(r"listening on (http://[^/\s]+)", self.log())
        return found[1] if found else None

    def log(self) -> str:
        """What it wrote to standard error so far."""
        return self._log.read_text()

    def access_log(self) -> list[str]:
        """The lines of its standard output so far."""
        return self._out.read_text().splitlines()

    def memory_bytes(self) -> int:
        """Resident memory now."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def get(self, path: str, **more: Any) -> requests.Response:
        """The answer to a GET of a path."""
        return requests.get(self.url + path, timeout=60, **more)

    def read(self, path: str) -> Any:
        """The document that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def data(self, path: str) -> Any:
        """What the envelope of `read` holds."""
        return self.read(path)["data"]

    def stop(self) -> float:
        """SIGTERM; the seconds until it was gone."""
        started = time.monotonic()
        self.process.terminate()
        self.process.wait(60)
        return time.monotonic() - started


class Browser:
    """A WebSocket, as a browser holds it: ``async with Browser(url) as browser``."""

    def __init__(self, url: str, path: str = "/ws") -> None:
        self._url = url + path
        self.messages: list[dict[str, Any]] = []

    async def __aenter__(self) -> Browser:
        self._session = aiohttp.ClientSession()
        self.socket = await self._session.ws_connect(self._url)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self._session.close()

    async def subscribe(self, resource: str, uuid: str = "one", **more: Any) -> None:
        """Subscribe, and wait until that has arrived."""
        await self.socket.send_json({"type": "SUBSCRIBE", "uuid": uuid, "resource": resource, **more})
        await self.ping()

    async def ping(self) -> None:
        """Whatever was sent before has been dealt with when this returns."""
        await self.socket.send_str("__ping__")
        while (text := await self.socket.receive_str(timeout=EVENT_SECONDS)) != "__pong__":
            self.messages.append(json.loads(text))

    async def until(
        self, condition: Callable[[dict[str, Any]], bool], seconds: float = EVENT_SECONDS
    ) -> dict[str, Any]:
        """The first message that meets ``condition``; all are kept in `messages`."""
        deadline = time.monotonic() + seconds
        for message in self.messages:
            if condition(message):
                return message
        while True:
            left = deadline - time.monotonic()
            assert left > 0, f"no such event within {seconds} s; there were {self.messages}"
            try:
                text = await self.socket.receive_str(timeout=left)
            except asyncio.TimeoutError:
                continue
            if text == "__pong__":
                continue
            self.messages.append(json.loads(text))
            if condition(self.messages[-1]):
                return self.messages[-1]
