"""A stack that is up, with runs by the real client, and a browser."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser

from tests import browsing
from tests.acceptance.place import Place, new_place

RUN_SECONDS = 150


@dataclass(frozen=True)
class World:
    """A stack, and the runs of it by their numbers: one that went well, one that broke, one of which nothing came."""

    place: Place
    well: str
    broken: str
    empty: str

    @property
    def url(self) -> str:
        return self.place.url

    def data(self, path: str) -> Any:
        """What the API says."""
        answer = requests.get(f"{self.url}/api{path}", timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def post(self, path: str, document: object) -> Any:
        """Tell the metadata service something, as a client would."""
        answer = requests.post(f"{self.url}/service{path}", json=document, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def task(self, run: str, step: str) -> dict[str, Any]:
        """The first attempt of a task of a step."""
        rows = self.data(f"/flows/Showcase/runs/{run}/steps/{step}/tasks?_order=%2Battempt_id")
        found: dict[str, Any] = rows[0]
        return found


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """A world for all tests of this folder in this process; they may add runs to it."""
    with tempfile.TemporaryDirectory(prefix="mfa-state-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with new_place(Path(name)) as place:
            up = place.ask("invoke", "up")
            assert up.status == 0, up.printed
            yield filled(place)


def filled(place: Place) -> World:
    """Run the flows, all at the same time."""
    started = {
        name: place.start(*place.flow("showcase", "run", "--run-id-file", f"{place.work}/{name}.id", *options))
        for name, options in {
            "well": ("--rate", "0.02", "--tag", "kind:showcase", "--tag", "best"),
            "broken": ("--broken", "yes", "--title", "a second try", "--tag", "kind:showcase"),
        }.items()
    }
    ended = {
        name: (process.communicate(timeout=RUN_SECONDS)[0], process.returncode) for name, process in started.items()
    }
    assert ended["well"][1] == 0, ended["well"][0]
    assert "asked to break" in ended["broken"][0]
    ids = {name: (place.work / f"{name}.id").read_text().strip() for name in started}
    world = World(place, ids["well"], ids["broken"], "")
    world.post("/flows/Idle", {"user_name": "anna"})
    empty = world.post("/flows/Idle/run", {"user_name": "anna", "system_tags": ["user:anna"]})
    return World(place, ids["well"], ids["broken"], str(empty["run_number"]))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.browser() as one:
        yield one
