"""Models of bad drives, for trials: slow ones, ones that upload late and in any order, full ones."""

from __future__ import annotations

import contextlib
import errno
import heapq
import random
import shutil
import threading
import time
from pathlib import Path

from metaflow_anywhere.state.drive import Drive


class DriveModel(Drive):
    """A drive on which each operation takes about ``latency`` seconds.

    With ``cloud``, that folder is what survives: each file arrives there on its own, ``delay`` (shortest, longest)
    seconds later, as a mounted cloud drive does it. While the file ``full`` exists, there is no space left. With
    ``no_bases``, no base backup ever gets there.
    """

    def __init__(
        self,
        root: Path,
        latency: float = 0.0,
        cloud: str | None = None,
        delay: tuple[float, float] = (0.2, 2.0),
        full: str | None = None,
        no_bases: bool = False,
    ) -> None:
        super().__init__(root)
        self.latency, self.delay = latency, delay
        self.cloud = Path(cloud) if cloud else None
        self.full = Path(full) if full else None
        self.no_bases = no_bases
        self._due: list[tuple[float, int, str, bool]] = []
        self._news = threading.Condition()
        self._count = 0
        if self.cloud:
            threading.Thread(target=self._upload, daemon=True).start()

    def _before(self, name: str) -> None:
        if self.no_bases and "/base-" in name:
            raise OSError(errno.EIO, "no bases in this model")
        if self.latency:
            time.sleep(self.latency * random.uniform(0.5, 1.5))

    def _write(self, descriptor: int, block: bytes) -> None:
        if self.full and self.full.exists():
            super()._write(descriptor, block[: len(block) // 2])
            raise OSError(errno.ENOSPC, "No space left on device (in this model)")
        super()._write(descriptor, block)

    def put(self, name: str, data: bytes | Path) -> str:
        digest = super().put(name, data)
        self._later(name, gone=False)
        return digest

    def delete(self, name: str) -> None:
        super().delete(name)
        self._later(name, gone=True)

    def _later(self, name: str, *, gone: bool) -> None:
        if self.cloud:
            with self._news:
                self._count += 1
                heapq.heappush(self._due, (time.monotonic() + random.uniform(*self.delay), self._count, name, gone))
                self._news.notify()

    def _upload(self) -> None:
        assert self.cloud
        while True:
            with self._news:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._news.wait(self._due[0][0] - time.monotonic() if self._due else None)
                _, count, name, gone = heapq.heappop(self._due)
            target = self.cloud / name
            with contextlib.suppress(FileNotFoundError):
                if gone:
                    shutil.rmtree(target) if target.is_dir() else target.unlink()
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    half = target.with_name(f".{target.name}.{count}.tmp")
                    shutil.copy2(self.root / name, half)
                    half.replace(target)
