"""Decoded values on disk: a folder of at most so many bytes, out of which goes first what was not read for longest."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder

FORM = 3  # of what is kept: values of an older form are not taken for those of today
ROOM = 0.9  # of the bound is left after making room, so that not every new value has to


class Cache:
    """Values by their key, a word of harmless characters. A folder that cannot be written is a cache that is empty."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._bytes: int | None = None

    def get(self, key: str) -> bytes | None:
        """The value, or None."""
        path = self._path(key)
        try:
            found = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return found

    def put(self, key: str, value: bytes) -> None:
        """Keep ``value``, if it fits at all."""
        if len(value) > self._max_bytes:
            return
        with contextlib.suppress(OSError):
            make_folder(self._folder, PRIVATE_FOLDER, PRIVATE_FOLDER)
            descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
            with os.fdopen(descriptor, "wb") as file:
                file.write(value)
            Path(name).replace(self._path(key))  # whole or not at all
            if self._bytes is None:
                self._bytes = sum(size for _, size, _ in self._entries())
            else:
                self._bytes += len(value)
            if self._bytes > self._max_bytes:
                self._make_room()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.{FORM}.json"

    def _entries(self) -> list[tuple[float, int, Path]]:
        """Time of last use, size and path of every value."""
        found = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime, status.st_size, Path(entry.path)))
        return found

    def _make_room(self) -> None:
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if total <= self._max_bytes * ROOM:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size
        self._bytes = total
