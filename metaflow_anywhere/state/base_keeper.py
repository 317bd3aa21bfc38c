"""Decides when the next base is taken, and takes it: in time, at once where log is missing, never twice at a time."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable

from metaflow_anywhere.postgres import ProgramFailed
from metaflow_anywhere.state.bases import POSTGRES_MANIFEST, Since, publish_base, take_base
from metaflow_anywhere.state.catalogue import Base, Catalogue, Incarnation
from metaflow_anywhere.state.drive import DriveError
from metaflow_anywhere.state.pace import Mirrored, Pace
from metaflow_anywhere.state.server import Server, ServerGone
from metaflow_anywhere.state.standing import Reporter
from metaflow_anywhere.state.turn import own_stage

LONGEST_CHAIN = 8  # bases that are needed together: a restore reads them all
FIRST_PAUSE_SECONDS = 0.05  # until there is a first base
MOST_FAILURES = 10  # after which the pause between attempts grows no more


class BaseKeeper:
    """Takes the bases of ``one``. ``hole`` says what is missing in the mirror until the next base makes up for it."""

    def __init__(
        self, mirrored: Mirrored, one: Incarnation, reporter: Reporter, pace: Pace, log: Callable[[str], None]
    ) -> None:
        self.mirrored, self.one, self.reporter, self.pace, self.log = mirrored, one, reporter, pace, log
        self.drive = mirrored.drive
        self.newest: Base | None = None
        self.hole: str | None = None
        self._mended_from = 0  # a base that holds the log from here on, or begins later, makes up for the hole
        self._asked = False
        self._failures = 0
        self._last = -1e9  # monotonic, s
        self._lock = threading.Lock()

    @property
    def pause(self) -> float:
        """Until it is worth while to look again."""
        return self.pace.tick if self.newest else FIRST_PAUSE_SECONDS

    def ask(self) -> None:
        """Have a base taken soon."""
        self._asked = True

    def mend(self, position: int, hole: str) -> None:
        """Have a base taken soon, since log before ``position`` is missing; until it is there, ``hole`` is told."""
        with self._lock:
            self.hole, self._mended_from = hole, max(position, self._mended_from)
            self._asked = True

    def step(self, position: int) -> None:
        """Take a base if one is due, with the log mirrored up to ``position``. Says what goes wrong, never raises."""
        now = time.monotonic()
        if not self._is_due(position, now - self._last):
            return
        with self.mirrored.turn.take_if_free("a base backup") as ours:
            if ours:  # else it is due at the next look still
                self._last = now
                self._attempt()

    def _attempt(self) -> None:
        self._failures = min(self._failures + 1, MOST_FAILURES)
        try:
            self._take()
        except ServerGone:
            return
        except (DriveError, ProgramFailed, OSError) as error:
            self.log(f"no new base: {error}")
            if self.newest is None:
                self.reporter.tell(force=True, base_problem=str(error))
            return
        self._failures = 0

    def tell(self, base: Base, count: int) -> None:
        """``base`` is the newest of ``count``."""
        self.newest = base
        said = {"time": base.time, "bytes": base.bytes, "folder": base.folder}
        self.reporter.tell(force=True, newest_base=said, bases=count, base_problem=None)

    def _is_due(self, position: int, since_last: float) -> bool:
        if self.newest is None or self._asked or self._failures:
            return since_last > self.pace.tick * (1 << self._failures)
        grown = position - self.newest.end
        return grown > max(self.pace.base_bytes, self.newest.bytes) and since_last > self.pace.base_pause

    def _take(self) -> None:
        asked, self._asked = self._asked, False
        try:
            base = self._taken(full=self.hole is not None)
        except BaseException:
            self._asked |= asked
            raise
        with self._lock:
            if self.hole is not None and base.log_end >= self._mended_from:
                self.log(f"the base {base.folder} makes up for it: {self.hole.partition(':')[0]}")
                self.hole, self._asked = None, False
        self.tell(base, self.reporter.standing.bases + 1)

    def _taken(self, *, full: bool) -> Base:
        server = Server(self.mirrored.conninfo)
        try:
            identity = server.identity()
        finally:
            server.close()
        programs, stage = self.mirrored.cluster.programs, own_stage(self.mirrored.stage / "bases")
        since = None if full else self._since()
        try:
            staged = take_base(programs, self.mirrored.conninfo, identity, stage, since)
        except ProgramFailed as error:
            if since is None:
                raise
            self.log(f"no increment of {since.base.folder}, a full base instead: {error.why.splitlines()[-1]}")
            staged = take_base(programs, self.mirrored.conninfo, identity, stage)
        return publish_base(self.drive, stage, staged, str(self.one.name))

    def _since(self) -> Since | None:
        """What the next base can be an increment of; None if a full one is due.

        The increments on one full base never outweigh it, and there is always another full base that does not need it:
        should one turn out bad, the other and all log since are there. (So it need not be read again here.)
        """
        newest, catalogue = self.newest, Catalogue(self.drive)
        chain = catalogue.chain(newest) if newest else None
        if newest is None or chain is None or chain[0].bytes < self.pace.increment_from:
            return None
        if len(chain) >= LONGEST_CHAIN or sum(one.bytes for one in chain[1:]) > chain[0].bytes:
            return None
        folders = [folder for one in catalogue.path(self.one) for folder in catalogue.base_folders(one)]
        if not any((base := catalogue.base(folder)) and not base.prior and base != chain[0] for folder in folders):
            return None
        manifest = self.drive.read(f"{newest.folder}/{POSTGRES_MANIFEST}")
        sound = hashlib.sha256(manifest).hexdigest() == newest.files[POSTGRES_MANIFEST]["sha256"]
        return Since(newest, manifest) if sound else None
