"""Which resources are watched: those that somebody subscribed to, and for a while those of lost connections."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable

KEPT_PATHS = 10_000  # of lost connections, about a thousand browsers' with the ten that each has


class Watches:
    """Paths of resources, each with how many subscribe to it and since when it is watched without a gap."""

    def __init__(self, kept_seconds: float) -> None:
        self._kept_seconds = kept_seconds
        self._subscribed: Counter[str] = Counter()
        self._kept: dict[str, float] = {}  # until when; what expires first comes first
        self._since: dict[str, float] = {}
        self._flows: Counter[str] = Counter()

    def begin(self, path: str) -> None:
        """One more subscribes to ``path``."""
        self._expire()
        if path not in self._since:
            self._since[path] = time.time()
            self._flows[flow_of(path)] += 1
        self._subscribed[path] += 1

    def end(self, path: str, *, lost: bool) -> None:
        """One less does; ``lost``: its connection was lost, and ``path`` stays watched for a while."""
        self._subscribed[path] -= 1
        if not self._subscribed[path]:
            del self._subscribed[path]
        if lost:
            self._kept.pop(path, None)
            self._kept[path] = time.time() + self._kept_seconds
        self._expire()
        self._drop_unless_watched(path)

    def __bool__(self) -> bool:
        """Whether anything is watched."""
        self._expire()
        return bool(self._since)

    def flow(self, flow: str) -> bool:
        """Whether anything of this flow is watched."""
        self._expire()
        return flow in self._flows

    def any_of(self, paths: Iterable[str]) -> bool:
        """Whether one of ``paths`` is watched."""
        self._expire()
        return any(path in self._since for path in paths)

    def since(self, path: str) -> float:
        """The second since when ``path`` is watched; infinity if it is not."""
        return self._since.get(path, math.inf)

    @property
    def flows(self) -> list[str]:
        """The flows of which anything is watched."""
        self._expire()
        return sorted(flow for flow in self._flows if flow)

    def _expire(self) -> None:
        now = time.time()
        while self._kept and (len(self._kept) > KEPT_PATHS or self._kept[next(iter(self._kept))] < now):
            path = next(iter(self._kept))
            del self._kept[path]
            self._drop_unless_watched(path)

    def _drop_unless_watched(self, path: str) -> None:
        if path in self._since and path not in self._subscribed and path not in self._kept:
            del self._since[path]
            flow = flow_of(path)
            self._flows[flow] -= 1
            if not self._flows[flow]:
                del self._flows[flow]


def flow_of(path: str) -> str:
    """The flow that a path is about; empty for one about all."""
    parts = path.split("/", 3)
    return parts[2] if len(parts) > 2 and parts[1] == "flows" else ""
