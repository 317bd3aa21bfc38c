"""A drive each of whose operations has a limit: one that hangs is a drive that fails, and takes nobody along."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metaflow_anywhere.errors import reason
from metaflow_anywhere.far.reach import Hanging, Reach
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.layout import INCARNATIONS, MANIFEST

WRITTEN_ONCE = (*INCARNATIONS, MANIFEST)


class FarDrive(Drive):
    """As Drive, by ``reach``, the way to a place that ``root`` is in or below."""

    def __init__(self, root: Path, reach: Reach) -> None:
        super().__init__(root)
        self.reach = reach

    def remember(self, name: str, document: dict[str, Any]) -> None:
        """Keep it for a while if it is one of those that never change."""
        if name.rpartition("/")[2] in WRITTEN_ONCE:
            self.documents[name] = (time.monotonic(), document)

    def prepare(self) -> None:
        """As Drive's."""
        self._call(Drive.prepare)

    def put(self, name: str, data: bytes | Path) -> str:
        """As Drive's."""
        self.documents.pop(name, None)
        size = len(data) if isinstance(data, bytes) else data.stat().st_size
        digest = str(self._call(Drive.put, name, data, data_bytes=size))
        with self._lock:
            self.files_written += 1
            self.bytes_written += size
        return digest

    def delete(self, name: str) -> None:
        """As Drive's."""
        self.documents.clear()
        self._call(Drive.delete, name)

    def require(self, folder: str) -> None:
        """As Drive's."""
        self._call(Drive.require, folder)

    def read(self, name: str) -> bytes:
        """As Drive's."""
        return bytes(self._call(Drive.read, name))

    def sha256(self, name: str) -> str:
        """As Drive's."""
        return str(self._call(Drive.sha256, name))

    def names(self, folder: str = "") -> list[str]:
        """As Drive's."""
        return list(self._call(Drive.names, folder))

    def entries(self, folder: str = "") -> list[str]:
        """As Drive's."""
        return list(self._call(Drive.entries, folder))

    def exists(self, name: str) -> bool:
        """As Drive's. Raises DriveError where that cannot be found out."""
        return bool(self._call(Drive.exists, name))

    def is_there(self) -> bool:
        """As Drive's. Raises DriveError where that cannot be found out."""
        return bool(self._call(Drive.is_there))

    def size(self, name: str) -> int:
        """As Drive's."""
        return int(self._call(Drive.size, name))

    def age(self, name: str) -> float:
        """As Drive's."""
        return float(self._call(Drive.age, name))

    def mark(self, name: str) -> tuple[int, int, int] | None:
        """As Drive's."""
        found: tuple[int, int, int] | None = self._call(Drive.mark, name)
        return found

    def clear_halves(self, folder: str) -> None:
        """As Drive's."""
        self._call(Drive.clear_halves, folder)

    def fetch(self, name: str, target: Path) -> None:
        """As Drive's."""
        self._call(Drive.fetch, name, target)

    def _call(self, method: Callable[..., Any], *arguments: Any, data_bytes: int = 0) -> Any:
        try:
            return self.reach.call(_do, self.root, method.__name__, arguments, data_bytes=data_bytes)
        except Hanging as hanging:
            raise DriveError(f"cannot reach {self.root}: {hanging}") from hanging
        except OSError as error:
            raise DriveError(f"cannot reach {self.root}: {reason(error)}") from error


def _do(root: Path, name: str, arguments: tuple[Any, ...]) -> Any:
    """In the process that touches the drive."""
    return getattr(_drive(root), name)(*arguments)


@functools.cache
def _drive(root: Path) -> Drive:
    return Drive(root)
