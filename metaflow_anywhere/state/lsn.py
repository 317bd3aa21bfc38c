"""Positions in PostgreSQL's write-ahead log, and the files that hold them."""

from __future__ import annotations

from dataclasses import dataclass

LSN_SPACE_PER_LOG = 0x1_0000_0000  # a segment's name counts segments within four gigabytes


def parse_lsn(text: str) -> int:
    """``0/16B3748`` as a number of bytes."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def format_lsn(position: int) -> str:
    """A number of bytes as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


@dataclass(frozen=True)
class Segments:
    """How a cluster's log is cut into files of ``size`` bytes."""

    size: int

    def floor(self, position: int) -> int:
        """Where the segment that holds ``position`` begins."""
        return position - position % self.size

    def ceiling(self, position: int) -> int:
        """Where the segment that holds the byte before ``position`` ends."""
        return -(-position // self.size) * self.size

    def name(self, timeline: int, position: int) -> str:
        """The file that holds ``position``."""
        number, per_log = position // self.size, LSN_SPACE_PER_LOG // self.size
        return f"{timeline:08X}{number // per_log:08X}{number % per_log:08X}"
