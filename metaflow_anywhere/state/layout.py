"""The names of the mirror's files, and what they say.

LEASE.json                                   who may write: the only file that is ever replaced
inc-<sequence>-<owner>/INC.json, INC2.json   one incarnation: one life of the database (twice the same)
inc-.../base-<start>/base.tar.gz, backup_manifest, MANIFEST.json (last; names the base it builds on)
inc-.../wal/<timeline>-<start>-<end>.w1      a range of the write-ahead log; .w2 holds many .w1, .w3 many .w2
inc-.../CLEAN-<end>.json                     the database was stopped, and all of its log is here
inc-.../OPEN-<end>.json                      it was started again after that, so that the log may go on
inc-.../FENCED.json                          its writer has seen that another took over, and is stopping
snap-<utc>-<name>/                           a base that is kept until it is deleted, with SNAPSHOT.json
dump/<utc>.dump, <utc>.json                  a logical dump, and its digest
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LEASE = "LEASE.json"
INCARNATIONS = ("INC.json", "INC2.json")  # without it nothing of an incarnation can be used: kept twice
FENCED = "FENCED.json"
MANIFEST = "MANIFEST.json"
SNAPSHOT = "SNAPSHOT.json"
DUMPS = "dump"
_INCARNATION = re.compile(r"inc-(\d{6,})-([0-9a-f]{8})")
_BASE = re.compile(r"base-([0-9A-F]{16})")
_WAL = re.compile(r"([0-9A-F]{8})-([0-9A-F]{16})-([0-9A-F]{16})\.w([123])")
_MARK = re.compile(r"(CLEAN|OPEN)-([0-9A-F]{16})\.json")
_NUMBERED = re.compile(r"(.+?) \(\d+\)((?:\.[A-Za-z0-9]+)?)")
_HALF = re.compile(r"\.(.+)\.\d+\.tmp")
_SNAPSHOT = re.compile(r"snap-(\d{8}T\d{6}Z)-([A-Za-z0-9][A-Za-z0-9._-]{0,63})")


@dataclass(frozen=True, order=True)
class IncarnationName:
    """``sequence`` grows with each incarnation that anybody begins on this root; ``owner`` makes it one of a kind."""

    sequence: int
    owner: str

    def __str__(self) -> str:
        return f"inc-{self.sequence:06d}-{self.owner}"

    @classmethod
    def parse(cls, name: str) -> IncarnationName | None:
        """The other way; None if ``name`` is something else."""
        found = _INCARNATION.fullmatch(name)
        return cls(int(found[1]), found[2]) if found else None


@dataclass(frozen=True, order=True)
class WalName:
    """A file with the bytes ``start`` to ``end`` of a timeline; ``level`` counts merges, from 1."""

    timeline: int
    start: int
    end: int
    level: int = 1

    def __str__(self) -> str:
        return f"{self.timeline:08X}-{self.start:016X}-{self.end:016X}.w{self.level}"

    @classmethod
    def parse(cls, name: str) -> WalName | None:
        """The other way; None if ``name`` is something else."""
        found = _WAL.fullmatch(name)
        return cls(*(int(part, 16) for part in found.groups())) if found else None

    def covers(self, other: WalName) -> bool:
        """Whether all of ``other`` is in this file too, as a merge has it."""
        same = self.timeline == other.timeline and self.level > other.level
        return same and self.start <= other.start and other.end <= self.end


def base_name(start: int) -> str:
    """The folder of the base that begins at ``start``."""
    return f"base-{start:016X}"


def base_start(name: str) -> int | None:
    """Where the base in the folder ``name`` begins; None if it is something else."""
    found = _BASE.fullmatch(name)
    return int(found[1], 16) if found else None


def clean_name(end: int) -> str:
    """The file that says that all of the log up to ``end`` is here."""
    return f"CLEAN-{end:016X}.json"


def opened_name(end: int) -> str:
    """The file that says that the database was started again after it had been stopped at ``end``."""
    return f"OPEN-{end:016X}.json"


def clean_end(name: str) -> int | None:
    """The position in the name of a CLEAN file; None if ``name`` is something else."""
    found = _MARK.fullmatch(name)
    return int(found[2], 16) if found and found[1] == "CLEAN" else None


def opened_end(name: str) -> int | None:
    """The position in the name of an OPEN file; None if ``name`` is something else."""
    found = _MARK.fullmatch(name)
    return int(found[2], 16) if found and found[1] == "OPEN" else None


def plain(entry: str) -> str:
    """What an entry of a folder stands for: cloud drives show ``X.w1`` as ``X (1).w1``, and may take a rename back.

    >>> plain("00000001-A-B (2).w1"), plain(".INC.json.4711.tmp"), plain("inc-000001-0badcafe (1)"), plain("LEASE.json")
    ('00000001-A-B.w1', 'INC.json', 'inc-000001-0badcafe', 'LEASE.json')
    """
    half = _HALF.fullmatch(entry)
    name = half[1] if half else entry
    numbered = _NUMBERED.fullmatch(name)
    return numbered[1] + numbered[2] if numbered else name


def snapshot_folder(utc: str, name: str) -> str:
    """The folder of the snapshot ``name`` taken at ``utc`` (``20261123T140500Z``)."""
    return f"snap-{utc}-{name}"


def snapshot_parts(folder: str) -> tuple[str, str] | None:
    """``(utc, name)`` of a snapshot's folder; None if it is something else."""
    found = _SNAPSHOT.fullmatch(folder)
    return (found[1], found[2]) if found else None


def snapshot_name_is_good(name: str) -> bool:
    """Whether a snapshot can have this name (it becomes part of a folder's)."""
    return snapshot_parts(snapshot_folder("20000101T000000Z", name)) is not None
