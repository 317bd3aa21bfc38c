"""Looks whether what was written to the mirror is still there: the names often, the contents in the course of a day.

A cloud drive, a person or a cleaning program may remove files that nobody reads for weeks. One listing may lie, so that
only what two of them agree on is taken for missing.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from metaflow_anywhere.state.base_keeper import BaseKeeper
from metaflow_anywhere.state.catalogue import Base, Catalogue, Incarnation
from metaflow_anywhere.state.documents import Damaged, unpacked
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.holes import files_missing, log_hole
from metaflow_anywhere.state.layout import WalName
from metaflow_anywhere.state.lsn import format_lsn
from metaflow_anywhere.state.marks import keep_documents
from metaflow_anywhere.state.pace import Pace

HOLE = "files of the mirror are gone or damaged"


class Scrub:
    """Scrubs what is needed to restore ``one``: its newest base and the log since. Has holes mended by ``bases``."""

    def __init__(
        self, drive: Drive, one: Incarnation, bases: BaseKeeper, pace: Pace, log: Callable[[str], None],
        ended: threading.Event,
    ) -> None:  # fmt: skip
        self.drive, self.one, self.bases, self.pace, self.log, self.ended = drive, one, bases, pace, log, ended
        self._bad: set[str] = set()
        self._read_last = ""

    def step(self, position: int) -> None:
        """Look once, with the log mirrored up to ``position``. Raises DriveError."""
        base = self.bases.newest
        if base is None or self.bases.hole is not None:
            return
        self._read_some(base)
        if self._missing(base, position) is None or self.ended.wait(self.pace.scrub_again):
            return
        what = self._missing(base, position)
        if what is None or self.bases.newest != base:
            return
        self.log(f"{HOLE}: {what}; a new base is taken at once")
        self.bases.mend(position, f"{HOLE}: {what}; a new base is being taken")

    def _missing(self, base: Base, position: int) -> str | None:
        self.drive.require(str(self.one.name))  # a drive that is away has no holes
        catalogue = Catalogue(self.drive)
        if keep_documents(self.drive, catalogue, self.one):
            self.log(f"the documents of {self.one.name} were gone from the mirror; they were written again")
        if damage := files_missing(catalogue, base):
            return damage
        if any(f"{base.folder}/{name}" in self._bad for name in base.files):
            return f"the base {base.folder} is damaged"
        hole = log_hole(catalogue, self.one, base.log_end, position, self._bad)
        return f"log {format_lsn(hole[0])} to {format_lsn(hole[1])}" if hole else None

    def _read_some(self, base: Base) -> None:
        """Read the next few files, so many that all are read within a day."""
        catalogue = Catalogue(self.drive)
        files = {f"{base.folder}/{name}": str(expected["sha256"]) for name, expected in base.files.items()}
        logs = {
            name: "" for name in catalogue.listing.exact(f"{self.one.name}/wal")
            if (parsed := WalName.parse(name)) and parsed.end > base.log_end
        }  # fmt: skip
        everything = sorted({**files, **logs})
        count = math.ceil(len(everything) * self.pace.scrub / self.pace.scrub_all)
        after = [name for name in everything if name > self._read_last] or everything
        for name in after[:count]:
            if self.ended.is_set():
                return
            self._read_last = name
            damage = self._damage(name, files.get(name))
            if damage and name not in self._bad:
                self.log(f"damaged in the mirror: {name}: {damage}")
            (self._bad.add if damage else self._bad.discard)(name)
        self._bad &= set(everything)

    def _damage(self, name: str, digest: str | None) -> str | None:
        if digest is not None:
            return None if self.drive.sha256(name) == digest else "its content does not match its digest"
        try:
            unpacked(self.drive.read(f"{self.one.name}/wal/{name}"))
        except Damaged as damage:
            return str(damage)
        except DriveError as error:
            return None if not self.drive.exists(f"{self.one.name}/wal/{name}") else str(error)
        return None
