"""Writes to a metadata service as a client does, for those that watch what is told of it."""

from __future__ import annotations

import itertools
from typing import Any

import requests

_numbers = itertools.count()


class Writer:
    """Writes to the metadata service as a client does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.flow = f"Live{next(_numbers)}"

    def post(self, path: str, body: Any) -> Any:
        answer = requests.post(f"{self._url}/flows/{self.flow}{path}", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def run(self) -> int:
        tags = {"tags": ["mine"], "system_tags": ["user:ann", "metaflow_version:2.19.39"]}
        return int(self.post("/run", {"user_name": "ann", **tags})["run_number"])

    def task(self, run: int, step: str) -> int:
        self.post(f"/runs/{run}/steps/{step}/step", {})
        return int(self.post(f"/runs/{run}/steps/{step}/task", {})["task_id"])

    def metadata(self, run: int, step: str, task: int, field: str, value: str, attempt: int = 0) -> None:
        row = {"field_name": field, "value": value, "type": field, "tags": [f"attempt_id:{attempt}"]}
        self.post(f"/runs/{run}/steps/{step}/tasks/{task}/metadata", [row])


def is_event(kind: str, uuid: str, **data: Any) -> Any:
    """A condition on messages."""
    return lambda message: (
        message["type"] == kind
        and message["uuid"] == uuid
        and all(message["data"].get(key) == value for key, value in data.items())
    )
