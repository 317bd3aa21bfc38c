"""Runs put together row by row and file by file, as a client would: for what real flows would take long to come to."""

from __future__ import annotations

import gzip
import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from tests.ui.conftest import World


@dataclass(frozen=True)
class MadeTask:
    """A task of a made run; attempt 0 of it went well, unless it was made as one that goes on."""

    run: MadeRun
    step: str
    id: int

    @property
    def page(self) -> str:
        """Its page's address."""
        return f"/{quote(self.run.flow)}/{self.run.number}/{quote(self.step)}/{self.id}"

    def says(self, **fields: str) -> None:
        """Metadata of it."""
        rows = [
            {"field_name": name, "value": value, "type": name, "tags": ["attempt_id:0"]}
            for name, value in fields.items()
        ]
        self.run.world.post(f"{self.run.below}/steps/{self.step}/tasks/{self.id}/metadata", rows)

    def has(self, values: dict[str, Any]) -> None:
        """Artifacts of it, in the datastore too."""
        rows = []
        for name, value in values.items():
            data = pickle.dumps(value, protocol=4)
            sha = hashlib.sha1(data).hexdigest()
            path = self.run.store / self.run.flow / "data" / sha[:2] / sha
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(data))
            rows.append({"name": name, "location": f":root:{self.run.store}", "ds_type": "local", "sha": sha,
                         "type": "metaflow.artifact", "content_type": "pickle-v4", "attempt_id": 0})  # fmt: skip
        self.run.world.post(f"{self.run.below}/steps/{self.step}/tasks/{self.id}/artifact", rows)


@dataclass(frozen=True)
class MadeRun:
    """A run of ``flow``."""

    world: World
    flow: str
    number: int

    @property
    def below(self) -> str:
        """Where the metadata service has what belongs to it."""
        return f"/flows/{quote(self.flow)}/runs/{self.number}"

    @property
    def store(self) -> Path:
        """The datastore."""
        return self.world.place.settings.datastore_dir / ".metaflow"

    def task(self, step: str, *, ended: bool = True) -> MadeTask:
        """A new task of ``step`` that has gone well, or that is at work."""
        made = self.registered(step)
        made.says(attempt="0", **({"attempt_ok": "True"} if ended else {}))
        return made

    def registered(self, step: str) -> MadeTask:
        """A new task of ``step`` that has not begun."""
        body = {"user_name": "anna", "system_tags": ["metaflow_version:2.19.39"]}
        _ensure(self.world, f"{self.below}/steps/{step}/step", body)
        return MadeTask(self, step, int(self.world.post(f"{self.below}/steps/{step}/task", body)["task_id"]))


def _ensure(world: World, path: str, document: object) -> None:
    """Make a flow or a step; one that is there already stays."""
    answer = requests.post(f"{world.url}/service{path}", json=document, timeout=30)
    assert answer.status_code in (200, 409), answer.text


def made_run(world: World, flow: str, *, user: str = "anna", tags: tuple[str, ...] = ()) -> MadeRun:
    """A new run of ``flow``, which need not be there."""
    _ensure(world, f"/flows/{quote(flow)}", {"user_name": user})
    body = {"user_name": user, "tags": list(tags), "system_tags": [f"user:{user}"]}
    return MadeRun(world, flow, int(world.post(f"/flows/{quote(flow)}/run", body)["run_number"]))
