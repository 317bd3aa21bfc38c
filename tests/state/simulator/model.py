"""The models: a cloud and how a machine sees it, a clock, and a database whose log is bytes with positions."""

from __future__ import annotations

import hashlib
import random
import struct
import time as real
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.layout import IncarnationName
from metaflow_anywhere.state.lsn import Segments
from metaflow_anywhere.state.server import Identity

SEGMENT_BYTES = 1024
SEGMENTS = Segments(SEGMENT_BYTES)
RECORD = struct.Struct(">III4x")  # commit (0: none), a digest of all before it, whether there is anything
FIRST = SEGMENT_BYTES
AGES_SECONDS = 1e6


class Crash(BaseException):
    """The machine is gone, in the middle of an operation on its drive."""


class Clock:
    """Time that goes on by itself, a little with each look; stands in for the module ``time``."""

    def __init__(self) -> None:
        self.now = 1.8e9

    def time(self) -> float:
        self.now += 0.001
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def strftime(self, how: str, moment: real.struct_time) -> str:
        return f"{real.strftime(how, moment)}-{self.now:.3f}"

    gmtime = staticmethod(real.gmtime)
    localtime = staticmethod(real.localtime)


@dataclass
class Cloud:
    """What has been uploaded. ``truth`` is every commit of each history of this root, in order; ``promised`` is how
    many of them were on a drive that loses nothing."""

    files: dict[str, bytes] = field(default_factory=dict)
    former: dict[str, bytes] = field(default_factory=dict)  # what a file said before it was replaced
    truth: dict[IncarnationName, list[int]] = field(default_factory=dict)
    promised: dict[IncarnationName, int] = field(default_factory=dict)


class ModelDrive(Drive):
    """The cloud as one machine sees it. ``late``: its writes are uploaded later and in any order."""

    def __init__(self, cloud: Cloud, rng: random.Random, *, late: bool) -> None:
        super().__init__(Path("/model"))
        self.cloud, self.rng, self.late = cloud, rng, late
        self.view = dict(cloud.files)
        self.pending: list[tuple[str, bytes | None]] = []
        self.failing: set[str] = set()
        self.mounted = True
        self.crash_in: int | None = None

    def _operation(self) -> None:
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                raise Crash
        if not self.mounted:
            raise DriveError("the folder is gone (is the drive still mounted?)")

    # ---- what the product calls

    def prepare(self) -> None:
        self._operation()

    def put(self, name: str, data: bytes | Path) -> str:
        self._operation()
        assert isinstance(data, bytes)
        self.view[name] = data
        self.pending.append((name, data))
        self._operation()
        if not self.late:
            self.upload()
        return hashlib.sha256(data).hexdigest()

    def delete(self, name: str) -> None:
        self._operation()
        for one in [path for path in self.view if path == name or path.startswith(f"{name}/")]:
            del self.view[one]
            self.pending.append((one, None))
        if not self.late:
            self.upload()

    def read(self, name: str) -> bytes:
        self._operation()
        if name not in self.view or name in self.failing:
            raise DriveError("Input/output error" if name in self.view else "No such file")
        return self.view[name]

    def sha256(self, name: str) -> str:
        return hashlib.sha256(self.read(name)).hexdigest()

    def entries(self, folder: str = "") -> list[str]:
        self._operation()
        prefix = f"{folder}/" if folder else ""
        return sorted({path[len(prefix) :].partition("/")[0] for path in self.view if path.startswith(prefix)})

    def names(self, folder: str = "") -> list[str]:
        return [one for one in self.entries(folder) if not one.startswith(".")]

    def exists(self, name: str) -> bool:
        return name in self.view or any(path.startswith(f"{name}/") for path in self.view)

    def size(self, name: str) -> int:
        return len(self.read(name))

    def age(self, name: str) -> float:
        return AGES_SECONDS

    # ---- what happens to it

    def upload(self, share: float = 1.0) -> None:
        """A part of what was written arrives in the cloud, in any order."""
        left = []
        for name, data in self.pending:
            if self.rng.random() >= share:
                left.append((name, data))
            elif data is None:
                self.cloud.files.pop(name, None)
            else:
                if name in self.cloud.files:
                    self.cloud.former[name] = self.cloud.files[name]
                self.cloud.files[name] = data
        self.pending = left

    def spoil(self) -> None:
        """Show a part of the cloud only, some of it otherwise than it was written."""
        shown: dict[str, bytes] = {}
        folders = {path.partition("/")[0] for path in self.cloud.files}
        hidden = {one for one in sorted(folders) if self.rng.random() < 0.15}
        for path, data in self.cloud.files.items():
            dice = self.rng.random()
            folder, _, last = path.rpartition("/")
            stem, dot, kind = last.rpartition(".")
            if path.partition("/")[0] in hidden or dice < 0.06:
                continue
            if dice < 0.09:
                shown[path] = b""
            elif dice < 0.12 and path in self.cloud.former:
                shown[path] = self.cloud.former[path]
            elif dice < 0.16:
                shown[f"{folder}/{stem} (1){dot}{kind}".lstrip("/")] = data
            elif dice < 0.18:
                shown[f"{folder}/.{last}.77.tmp".lstrip("/")] = data
            else:
                shown[path] = data
                if dice < 0.21:
                    self.failing.add(path)
        self.view = shown

    def arrive(self) -> None:
        """Everything is there now, as it was written."""
        self.view, self.failing = {**self.cloud.files}, set()
        for name, data in self.pending:
            if data is None:
                self.view.pop(name, None)
            else:
                self.view[name] = data

    @property
    def is_whole(self) -> bool:
        """Whether it shows the cloud as it is."""
        return not self.failing and self.view == self.cloud.files


class Database:
    """Commits in order, and the log that holds them; ``digest`` is of all that was ever written in this history."""

    def __init__(
        self, timeline: int = 1, start: int = FIRST, commits: list[int] | None = None, digest: int = 0
    ) -> None:
        self.timeline, self.start = timeline, start
        self.commits = list(commits or [])
        self.digest = digest
        self.log = bytearray()
        self.floor = start  # its files were never here with less

    @property
    def end(self) -> int:
        return self.start + len(self.log)

    def write(self, commit: int = 0) -> None:
        """A record; of a commit if it has a number."""
        self.digest = zlib.crc32(struct.pack(">II", self.digest, commit))
        self.log += RECORD.pack(commit, self.digest, 1)
        if commit:
            self.commits.append(commit)

    def copied(self) -> Database:
        """As it is now, in a place of its own."""
        other = Database(self.timeline, self.start, self.commits, self.digest)
        other.log = bytearray(self.log)
        return other

    def read(self, start: int, end: int) -> bytes:
        return bytes(self.log[start - self.start : end - self.start])


def records(raw: bytes) -> Iterator[tuple[int, int]]:
    """Number of the commit, and the digest, of each record up to where nothing was written."""
    for place in range(0, len(raw) - RECORD.size + 1, RECORD.size):
        commit, digest, there = RECORD.unpack_from(raw, place)
        if not there:
            return
        yield commit, digest


class ModelServer:
    """Answers for a database as PostgreSQL does."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def identity(self) -> Identity:
        return Identity("model", self.database.timeline, SEGMENTS, 180006)

    def flushed(self) -> int:
        return self.database.end

    def slot_position(self) -> int | None:
        return SEGMENTS.floor(self.database.end) if self.database.start <= SEGMENTS.floor(self.database.end) else None

    def make_slot(self) -> int:
        return max(self.database.start, SEGMENTS.floor(self.database.end))

    def close(self) -> None:
        pass
