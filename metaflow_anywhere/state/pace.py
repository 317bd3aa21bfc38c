"""How often the mirror does what, and what it is told about: the database, the drive, the places."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere.postgres import Cluster
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.retention import GRACE_SECONDS
from metaflow_anywhere.state.shipping import MERGE_AT, MIB
from metaflow_anywhere.state.turn import TURN, Turn


@dataclass(frozen=True)
class Pace:
    """How often things are done, in seconds, and from what size on, in bytes."""

    tick: float = 0.5
    look: float = 2.0  # without any event
    lease: float = 1.0
    upkeep: float = 30.0
    grace: float = GRACE_SECONDS
    base_bytes: int = 64 * MIB
    base_pause: float = 120.0
    increment_from: int = 32 * MIB  # the size of a full base (150 MB of database) from which on increments pay
    merge_at: int = MERGE_AT
    dump: float = 86400.0
    first_dump: float = 600.0
    longest_backoff: float = 15.0
    scrub: float = 180.0
    first_scrub: float = 15.0  # not while the stack comes up
    scrub_again: float = 5.0  # before two listings are believed
    scrub_all: float = 86400.0  # in which everything that a restore would read is read


@dataclass(frozen=True)
class Mirrored:
    """What is mirrored, and where to: ``conninfo`` is a superuser's; ``dump_conninfo`` names the database to dump;
    ``stage`` is a local folder for what is on its way."""

    drive: Drive
    cluster: Cluster
    conninfo: str
    dump_conninfo: str
    stage: Path

    @property
    def turn(self) -> Turn:
        """Whose turn it is to write to the drive from this machine."""
        return Turn(self.stage.with_name(TURN))
