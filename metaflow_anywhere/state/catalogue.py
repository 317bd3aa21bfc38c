"""What is in a mirror: incarnations, their bases and ranges of log. Looks only; damaged documents are named."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from metaflow_anywhere.state.documents import Damaged, unsealed
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.layout import (
    INCARNATIONS,
    MANIFEST,
    IncarnationName,
    WalName,
    base_start,
    clean_end,
    opened_end,
    snapshot_parts,
)
from metaflow_anywhere.state.listing import Listing
from metaflow_anywhere.state.lsn import Segments, parse_lsn

REMEMBERED_SECONDS = 60.0  # that a document on a far drive, which never changes, is not read again
MOST_KEPT_BYTES = 128 << 20  # of compressed log, in memory during a restore


@dataclass(frozen=True)
class Incarnation:
    """One life of the database, as its INC.json has it. ``start`` is the first byte of log that it holds; ``history``
    is PostgreSQL's record of how its timeline came to be (empty on the first); ``base`` is the folder of the base that
    it was restored from, if that is not its parent's; ``began`` is epoch seconds. ``lineage`` are its ancestors, oldest
    first, each with the position up to which its log is part of this one's; ``seen`` are the incarnations that were on
    the drive when this one began, so that whoever began it knew of them; None where that was not recorded. ``moment``
    is the time of the state that it began with, if it was restored to an earlier one."""

    name: IncarnationName
    parent: IncarnationName | None
    timeline: int
    system: str
    segments: Segments
    start: int
    postgres: int
    began: float
    host: str
    history: str = ""
    base: str | None = None
    lineage: tuple[tuple[IncarnationName, int], ...] | None = None
    seen: tuple[IncarnationName, ...] | None = None
    moment: float | None = None

    @property
    def fork(self) -> int:
        """Up to where the log of the parent is part of this one's: where its timeline parted, else its own start."""
        if self.lineage and self.lineage[-1][0] == self.parent:
            return self.lineage[-1][1]
        lines = [line for line in self.history.split("\n") if line.strip()]
        return parse_lsn(lines[-1].split()[1]) if lines else self.start

    def document(self) -> dict[str, Any]:
        """What goes into INC.json."""
        return {
            "sequence": self.name.sequence, "owner": self.name.owner,
            "parent": str(self.parent) if self.parent else None, "timeline": self.timeline, "system": self.system,
            "segment_bytes": self.segments.size, "start": self.start, "postgres": self.postgres,
            "began": self.began, "host": self.host, "history": self.history, "base": self.base,
            "lineage": [[str(name), end] for name, end in self.lineage] if self.lineage is not None else None,
            "seen": [str(name) for name in self.seen] if self.seen is not None else None, "moment": self.moment,
        }  # fmt: skip

    @classmethod
    def from_document(cls, found: dict[str, Any]) -> Incarnation:
        """The other way. Raises Damaged."""
        try:
            return cls(
                IncarnationName(found["sequence"], found["owner"]),
                IncarnationName.parse(found["parent"]) if found["parent"] else None,
                found["timeline"], found["system"], Segments(found["segment_bytes"]), found["start"],
                found["postgres"], found["began"], found["host"], found["history"], found["base"],
                _lineage(found.get("lineage")), _names(found.get("seen")), found.get("moment"),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError):
            raise Damaged("it lacks what an incarnation's document has") from None


def _names(found: list[str] | None) -> tuple[IncarnationName, ...] | None:
    return None if found is None else tuple(name for one in found if (name := IncarnationName.parse(one)))


def _lineage(found: list[tuple[str, int]] | None) -> tuple[tuple[IncarnationName, int], ...] | None:
    return None if found is None else tuple((name, end) for one, end in found if (name := IncarnationName.parse(one)))


@dataclass(frozen=True)
class Base:
    """One base backup, as its MANIFEST.json has it. ``files`` maps a name to ``{"sha256", "bytes"}``; the log from
    ``start`` to the end of the segment of ``end`` is inside. ``prior`` is the folder of the base that it holds the
    changes since, within the same incarnation; None if it is complete in itself."""

    folder: str
    system: str
    timeline: int
    start: int
    end: int
    segments: Segments
    postgres: int
    time: float
    files: dict[str, dict[str, Any]] = field(compare=False)
    prior: str | None = None

    @property
    def log_end(self) -> int:
        """The base holds all of the log up to here: PostgreSQL ends a backup with a new segment."""
        return self.segments.ceiling(self.end)

    @property
    def bytes(self) -> int:
        """Of all of its files."""
        return sum(int(one["bytes"]) for one in self.files.values())

    def document(self) -> dict[str, Any]:
        """What goes into MANIFEST.json."""
        return {
            "folder": self.folder.rpartition("/")[2], "system": self.system, "timeline": self.timeline,
            "start": self.start, "end": self.end, "segment_bytes": self.segments.size, "postgres": self.postgres,
            "time": self.time, "files": self.files, "prior": self.prior.rpartition("/")[2] if self.prior else None,
        }  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """A file of the mirror that is not what it should be."""

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


class Catalogue:
    """The mirror on ``drive`` as it was when this object was made, and what was found to be wrong on the way.

    What was read and found sound for ``known``, an earlier look at the same mirror, is not read again.
    """

    def __init__(self, drive: Drive, known: Catalogue | None = None) -> None:
        self.drive = drive
        self.listing = Listing(drive)
        self.faults: list[Fault] = []
        self.incarnations: dict[IncarnationName, Incarnation] = {}
        self.unreadable: list[IncarnationName] = []  # a folder is there, and no document that says what it is
        self.snapshots: list[str] = []
        self._sound: dict[str, bool] = {name: True for name, sound in known._sound.items() if sound} if known else {}
        self._files: dict[str, str] = dict(known._files) if known else {}
        self.contents: dict[str, bytes] = known.contents if known else {}
        for entry in self.listing.names():
            if snapshot_parts(entry):
                self.snapshots.append(entry)
            name = IncarnationName.parse(entry)
            if name is None:
                continue
            one = self._incarnation(name)
            if one is not None:
                self.incarnations[name] = one
            else:
                self.unreadable.append(name)

    @property
    def newest(self) -> Incarnation | None:
        """The incarnation that everything new comes after."""
        return self.incarnations[max(self.incarnations)] if self.incarnations else None

    def path(self, tip: Incarnation) -> list[Incarnation]:
        """``tip``, its parent, and so on as far as they are here."""
        path = [tip]
        while path[-1].parent and path[-1].parent in self.incarnations:
            path.append(self.incarnations[path[-1].parent])
        return path

    def suits(self, base: Base, path: list[Incarnation], index: int) -> bool:
        """Whether ``base``, of the incarnation ``path[index]``, is of what ``path[0]`` came from: a machine that did
        not know that another had gone on from it may have taken bases of its own history since."""
        if index == 0:
            return True
        parent, child = path[index], path[index - 1]
        return base.end <= (child.start if child.timeline == parent.timeline else child.fork)

    def base_folders(self, one: Incarnation) -> list[str]:
        """The folders of the bases of ``one``, newest first, whole or not."""
        found = [(base_start(entry), entry) for entry in self.listing.names(str(one.name))]
        return [f"{one.name}/{entry}" for start, entry in sorted(found, reverse=True, key=_first) if start is not None]

    def base(self, folder: str) -> Base | None:
        """The base in ``folder`` if its manifest is whole (its other files are not looked at)."""
        found = self.document(f"{folder}/{MANIFEST}", missing="it never was finished, or its manifest is missing")
        if found is None:
            return None
        place, _, last = folder.rpartition("/")
        prior = found.get("prior")
        try:
            base = Base(
                folder, found["system"], found["timeline"], found["start"], found["end"],
                Segments(found["segment_bytes"]), found["postgres"], found["time"], found["files"],
                f"{place}/{prior}" if prior else None,
            )  # fmt: skip
        except (KeyError, TypeError):
            self.fault(f"{folder}/{MANIFEST}", "it lacks what a base's manifest has")
            return None
        if found.get("folder") != last:
            self.fault(f"{folder}/{MANIFEST}", "it belongs to another base")
            return None
        return base

    def chain(self, base: Base) -> list[Base] | None:
        """What has to be put together to have ``base``: a full one first, ``base`` last; None if one is not whole."""
        chain = [base]
        while chain[0].prior is not None:
            prior = self.base(chain[0].prior)
            if prior is None or prior.start >= chain[0].start:
                return None
            chain.insert(0, prior)
        return chain

    def is_sound(self, base: Base) -> bool:
        """Whether every file of ``base``, and of those it builds on, is what its manifest says; names one that is not.

        Each file is read once.
        """
        chain = self.chain(base)
        return chain is not None and all(self._is_sound(one) for one in chain)

    def _is_sound(self, base: Base) -> bool:
        if base.folder not in self._sound:
            self._sound[base.folder] = self._matches(base)
        return self._sound[base.folder]

    def _matches(self, base: Base) -> bool:
        sound = [self._find(base.folder, name, expected) for name, expected in base.files.items()]
        return all(sound)  # each is looked at, so that each that is bad is named

    def _find(self, folder: str, name: str, expected: dict[str, Any]) -> bool:
        """Whether a file that stands for ``name`` is what it should be; ``file`` tells which."""
        path, what = f"{folder}/{name}", "it is missing"
        for version in self.listing.versions(path):
            try:
                size = self.drive.size(version)
                what = (
                    f"it has {size} of {expected['bytes']} bytes" if size != expected["bytes"]
                    else "its content does not match its digest" if self.drive.sha256(version) != expected["sha256"]
                    else ""
                )  # fmt: skip
            except DriveError as error:
                what = str(error)
            if not what:
                self._files[path] = version
                return True
        self.fault(path, what)
        return False

    def keep(self, name: str, data: bytes) -> None:
        """Remember what was read from a file of log, which never changes, as long as there is room."""
        if sum(map(len, self.contents.values())) + len(data) <= MOST_KEPT_BYTES:
            self.contents[name] = data

    def file(self, name: str) -> str:
        """Under which name the file ``name`` of a base was found to be sound."""
        return self._files.get(name, name)

    def wal(self, one: Incarnation) -> list[WalName]:
        """The ranges of log that ``one`` wrote, in order, by the names they were written with."""
        return sorted(name for entry in self.listing.exact(f"{one.name}/wal") if (name := WalName.parse(entry)))

    def all_wal(self, one: Incarnation) -> list[WalName]:
        """``wal``, and those that the drive shows under names of its own; each may turn out to be cut off."""
        entries = self.listing.names(f"{one.name}/wal", halves=True)
        return sorted(name for entry in entries if (name := WalName.parse(entry)))

    def clean_end(self, one: Incarnation) -> int | None:
        """Up to where the log of ``one`` is complete, if its database was ever stopped; the last such place. A mark
        that an OPEN file overrules counts, for its log must be here too: see ``opened_end``."""
        ends = [end for entry in self.listing.names(str(one.name)) if (end := clean_end(entry)) is not None]
        return max(ends, default=None)

    def opened_end(self, one: Incarnation) -> int | None:
        """Where the log of ``one`` stood when its database was last started again."""
        ends = [end for entry in self.listing.names(str(one.name)) if (end := opened_end(entry)) is not None]
        return max(ends, default=None)

    def fault(self, name: str, what: str) -> None:
        """Remember that ``name`` is not as it should be."""
        one = Fault(name, what)
        if one not in self.faults:
            self.faults.append(one)

    def _incarnation(self, name: IncarnationName) -> Incarnation | None:
        """From the first of its documents that is whole."""
        for document in INCARNATIONS:
            path = f"{name}/{document}"
            found = self.document(path)
            if found is None:
                continue
            try:
                one = Incarnation.from_document(found)
            except Damaged as damage:
                self.fault(path, str(damage))
                continue
            if one.name == name:
                return one
            self.fault(path, "it belongs to another incarnation")
        return None

    def document(self, name: str, missing: str = "it is missing") -> dict[str, Any] | None:
        """The first whole document that stands for ``name``."""
        what = missing
        for version in self.listing.versions(name):
            try:
                return self._read(version)
            except Damaged as damage:
                what = str(damage)
            except DriveError as error:
                what = str(error)
        self.fault(name, what)
        return None

    def _read(self, version: str) -> dict[str, Any]:
        """A document; one that never changes is not read again at once. Raises Damaged, DriveError."""
        known = self.drive.documents.get(version)
        if known and time.monotonic() - known[0] < REMEMBERED_SECONDS:
            return dict(known[1])
        found = unsealed(self.drive.read(version))
        self.drive.remember(version, found)
        return found


def _first(pair: tuple[int | None, str]) -> int:
    return pair[0] if pair[0] is not None else -1
