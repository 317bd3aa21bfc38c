"""A folder that may be slow, full, gone, or uploaded in any order: everything that is written goes through here."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from metaflow_anywhere.errors import reason
from metaflow_anywhere.far.hand import beat
from metaflow_anywhere.modes import PRIVATE_FILE, PRIVATE_FOLDER, make_folder, open_private, set_mode

BLOCK_BYTES = 128 << 10  # what a mounted drive takes and gives at once, most often
HALF_SUFFIX = ".tmp"
CHANGING = ("cannot write", "cannot make", "cannot delete")  # how the text begins where that was asked


class DriveError(Exception):
    """The drive did not do what was asked; the text is for people. Trying again later is always safe."""

    @property
    def title(self) -> str:
        """What it means for the mirror."""
        changing = str(self).startswith(CHANGING)
        return f"the mirror cannot be {'written' if changing else 'read'}"


class Drive:
    """The folder ``root``; names are relative to it, with slashes. Safe to use from several threads.

    A file appears whole under its name or not at all, and none but the lease is ever written twice. ``root`` itself is
    made by ``prepare`` only: a drive that is not mounted must not be mistaken for an empty one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files_written = 0
        self.bytes_written = 0
        self._lock = threading.Lock()
        self._known_folders: set[str] = set()
        self.documents: dict[str, tuple[float, dict[str, Any]]] = {}  # when (monotonic, s), and what

    def remember(self, name: str, document: dict[str, Any]) -> None:
        """A document was read; a drive on this machine's disk is simply asked again."""

    def prepare(self) -> None:
        """Make ``root`` if it is not there. Raises DriveError."""
        with self._told("cannot make"):
            make_folder(self.root, PRIVATE_FOLDER)

    # ---- writing

    def put(self, name: str, data: bytes | Path) -> str:
        """Write ``data`` (bytes, or a local file that is streamed) as the file ``name``; returns its SHA-256.

        A failed attempt leaves nothing behind.
        """
        folder, _, last = name.rpartition("/")
        self._make_folder(folder)
        half = self.root / folder / f".{last}.{os.getpid()}{HALF_SUFFIX}"
        digest, size = hashlib.sha256(), 0
        try:
            with self._told("cannot write"):
                try:
                    self._before(name)
                    beat()
                    with open_private(half, "wb", buffering=0) as file:
                        beat()
                        for block in _blocks(data):
                            self._write(file.fileno(), block)
                            digest.update(block)
                            size += len(block)
                            beat()
                        os.fsync(file.fileno())
                    beat()
                    self._before(name)
                    half.replace(self.root / name)
                except FileNotFoundError:
                    self._known_folders.clear()
                    raise
        except DriveError:
            with contextlib.suppress(OSError):
                half.unlink()
            raise
        with self._lock:
            self.files_written += 1
            self.bytes_written += size
        return digest.hexdigest()

    def delete(self, name: str) -> None:
        """Remove a file or a whole folder; nothing happens if it is not there."""
        path = self.root / name
        with self._told("cannot delete"):
            self._before(name)
            there = path.is_dir()
            beat()
            if there:
                self._known_folders.clear()
                for place, _, files in os.walk(path, topdown=False):
                    for file in files:
                        Path(place, file).unlink(missing_ok=True)
                        beat()
                shutil.rmtree(path)  # also what is none of ours
            else:
                path.unlink(missing_ok=True)

    def _make_folder(self, folder: str) -> None:
        if not folder or folder in self._known_folders:
            return
        with self._told("cannot write"):
            if not self.root.is_dir():
                raise FileNotFoundError(2, "No such file or directory", str(self.root))
            self._before(folder)
            beat()
            make_folder(self.root / folder, PRIVATE_FOLDER, PRIVATE_FOLDER)
        self._known_folders.add(folder)

    def _before(self, name: str) -> None:
        """Called before each operation on the drive; a model of a bad one overrides it."""

    def _write(self, descriptor: int, block: bytes) -> None:
        view = memoryview(block)
        while view:
            view = view[os.write(descriptor, view[:BLOCK_BYTES]) :]
            beat()

    def put_back(self, name: str, data: bytes | Path) -> str:
        """``put``, and read back: what it returns is the digest of what was written, and of what the drive has.

        Raises DriveError where these differ.
        """
        digest = self.put(name, data)
        if self.sha256(name) != digest:
            raise DriveError(f"{self.root / name} does not read back as it was written")
        return digest

    # ---- reading

    def require(self, folder: str) -> None:
        """Raise DriveError unless ``folder`` is there."""
        with self._told("cannot reach"):
            self._before(folder)
            if not (self.root / folder).is_dir():
                raise FileNotFoundError(2, "No such file or directory", str(self.root / folder))

    def read(self, name: str) -> bytes:
        """The whole file. Raises DriveError."""
        with self._told("cannot read"):
            return b"".join(_blocks(self.root / name))

    def sha256(self, name: str) -> str:
        """The digest of what the drive gives back now."""
        digest = hashlib.sha256()
        with self._told("cannot read"):
            for block in _blocks(self.root / name):
                digest.update(block)
        return digest.hexdigest()

    def names(self, folder: str = "") -> list[str]:
        """What is in ``folder``, sorted, without what is half written; empty if there is no such folder."""
        with self._told("cannot read"):
            try:
                return sorted(one for one in _listed(self.root / folder) if not one.startswith("."))
            except FileNotFoundError:
                return []

    def entries(self, folder: str = "") -> list[str]:
        """All that is in ``folder``, sorted, also what is half written; empty if there is no such folder."""
        with self._told("cannot read"):
            try:
                return sorted(_listed(self.root / folder))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        return (self.root / name).exists()

    def is_there(self) -> bool:
        """Whether ``root`` is a folder."""
        return self.root.is_dir()

    def fetch(self, name: str, target: Path) -> None:
        """Copy the file ``name`` to the local file ``target``, which is private. Raises DriveError."""
        with self._told("cannot read"), open_private(target, "wb") as file:
            set_mode(target, PRIVATE_FILE)
            for block in _blocks(self.root / name):
                file.write(block)

    def size(self, name: str) -> int:
        """Bytes of the file, or of all files below the folder."""
        path = self.root / name
        with self._told("cannot read"):
            if path.is_dir():
                return sum(_size(one) for one in path.rglob("*") if one.is_file())
            return path.stat().st_size

    def age(self, name: str) -> float:
        """Seconds since the file was written; never negative."""
        with self._told("cannot read"):
            return max(0.0, time.time() - (self.root / name).stat().st_mtime)

    def mark(self, name: str) -> tuple[int, int, int] | None:
        """What is another once the file ``name`` was replaced; None if it is not there. One operation."""
        with self._told("cannot read"):
            try:
                found = (self.root / name).stat()
            except FileNotFoundError:
                return None
            return found.st_ino, found.st_size, found.st_mtime_ns

    def clear_halves(self, folder: str) -> None:
        """Remove what a killed writer left half written in ``folder`` (of which we must be the only writer)."""
        with self._told("cannot delete"), contextlib.suppress(FileNotFoundError):
            for name in _listed(self.root / folder):
                if name.startswith(".") and name.endswith(HALF_SUFFIX):
                    beat()
                    (self.root / folder / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            gone = isinstance(error, FileNotFoundError) and not self.root.is_dir()
            why = "the folder is gone (is the drive still mounted?)" if gone else reason(error)
            raise DriveError(f"{what} {self.root}: {why}") from error


def _blocks(data: bytes | Path) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    with data.open("rb", buffering=0) as file:
        beat()
        while block := file.read(BLOCK_BYTES):
            yield block
            beat()


def _listed(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        beat()
        return [entry.name for entry in entries]


def _size(path: Path) -> int:
    beat()
    return path.stat().st_size
