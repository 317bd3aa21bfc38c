"""The way back of files that are written outside of root: what its copy in root has and the folder here has not.

Whatever is in the folder already, both are listed and compared. Of two files that differ the newer counts, since
another machine may have had its turn; the one that it replaces is kept. Nothing is ever deleted.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.far.reach import Reach, reach_of
from metaflow_anywhere.hints import command
from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder, touch_private, write_private
from metaflow_anywhere.state.copies import CLOCK_SECONDS, CopyFailed, rsync
from metaflow_anywhere.state.tree import ARRIVING, FILLED, FILLING, REPLACED, Pair, pairs_below

LOT_FILES = 2_000  # for one rsync: between two lots, somebody can be told how far it is


@dataclass(frozen=True)
class Filling:
    """The folder ``target``, and its copy ``source`` in root. ``turn`` names whose turn it is to write, and changes
    when another machine has had its own. Files of the names ``rewritten`` change without changing their size."""

    source: Path
    target: Path
    turn: str
    rewritten: Collection[str] = ()
    reach: Reach | None = None

    @property
    def _reach(self) -> Reach:
        """The way to ``source``."""
        return self.reach or reach_of(self.source)

    @property
    def is_done(self) -> bool:
        """Whether all was brought here in this turn; what comes later is brought by the copies, as they go."""
        with contextlib.suppress(OSError):
            return not (self.target / FILLING).exists() and (self.target / FILLED).read_text() == self.turn
        return False

    def is_wanted(self) -> bool:
        """Whether there is something to bring; compares everything, unless that was done in this turn."""
        if self.is_done:
            return False
        try:
            if not self._reach.call(os.path.isdir, self.source):
                return False
            return next(self._wanted(), None) is not None
        except OSError as error:
            raise self._failed(reason(error)) from error

    def settle(self) -> None:
        """Remember that all was brought here, as far as it was there."""
        if not (self.target / FILLING).exists():
            with contextlib.suppress(OSError):  # it is only looked at once more
                write_private(self.target / FILLED, self.turn)

    def fill(self, say: Callable[[str], None] = lambda text: None) -> int:
        """Bring what there is to bring; returns the number of files. Once that is interrupted, it is wanted until it is
        done. Raises AnywhereError."""
        count = 0
        replaced = f"--backup-dir={REPLACED}/{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        try:
            make_folder(self.target, PRIVATE_FOLDER)
            touch_private(self.target / FILLING)
            wanted = self._wanted()
            while lot := [self.source / one.path for one in itertools.islice(wanted, LOT_FILES)]:
                rsync(self.source, self.target, lot, more=("--update", "--backup", replaced), reach=self._reach)
                count += len(lot)
                say(f"{count:,} files brought from {self.source} to {self.target}")
            shutil.rmtree(self.target / ARRIVING, ignore_errors=True)
            (self.target / FILLING).unlink()
            self.settle()
        except (OSError, CopyFailed) as error:
            raise self._failed(reason(error) if isinstance(error, OSError) else str(error)) from error
        return count

    def _wanted(self) -> Iterator[Pair]:
        return (pair for pair in pairs_below(self.target, self.source, self._reach) if self._is_newer(pair))

    def _is_newer(self, pair: Pair) -> bool:
        """Whether the file in root is to be brought. One that is empty replaces nothing: a cloud drive may show a file
        so that it has not loaded yet; nor does one of the same size, since some drives give times of their own."""
        here, there = pair.here, pair.there
        if here is None or there is None:
            return here is None
        same = here.st_size == there.st_size and pair.path.rpartition("/")[2] not in self.rewritten
        return not same and there.st_size > 0 and there.st_mtime > here.st_mtime + CLOCK_SECONDS

    def _failed(self, why: str) -> AnywhereError:
        return AnywhereError(f"{self.target} cannot be filled from {self.source}", why=why, run=command("doctor"))
