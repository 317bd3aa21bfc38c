"""The documents of an incarnation, without which nobody finds it, and the marks that say whether its log is all there:
CLEAN after a stop, OPEN once it goes on."""

from __future__ import annotations

import time

from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.documents import sealed
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import INCARNATIONS, clean_name, opened_name


def mark_clean(drive: Drive, catalogue: Catalogue, one: Incarnation, end: int) -> None:
    """Say that the database of ``one`` was stopped at ``end``, and that all of its log is on the drive."""
    if catalogue.clean_end(one) != end:
        drive.put(f"{one.name}/{clean_name(end)}", sealed({"end": end, "time": time.time()}))
    if catalogue.opened_end(one) == end:  # it was to be started again, and never was
        drive.delete(f"{one.name}/{opened_name(end)}")


def mark_opened(drive: Drive, catalogue: Catalogue, one: Incarnation) -> None:
    """Take the mark back that says that all of the log of ``one`` is on the drive: its database is about to go on.

    The new mark is written before the old one is removed, so that no moment looks as if the database had ended there.
    """
    end = catalogue.clean_end(one)
    if end is None:
        return
    if (catalogue.opened_end(one) or 0) < end:
        drive.put(f"{one.name}/{opened_name(end)}", sealed({"end": end, "time": time.time()}))
    drive.delete(f"{one.name}/{clean_name(end)}")


def publish_incarnation(drive: Drive, one: Incarnation) -> None:
    """Put the documents of ``one`` on the drive. Raises DriveError."""
    for name in INCARNATIONS:
        drive.put(f"{one.name}/{name}", sealed(one.document()))


def keep_documents(drive: Drive, catalogue: Catalogue, one: Incarnation) -> bool:
    """Put the documents of ``one`` on the drive again if one has vanished or none can be read. Raises DriveError.

    Returns whether it was so.
    """
    lost = one.name not in catalogue.incarnations or not all(
        catalogue.listing.versions(f"{one.name}/{name}") for name in INCARNATIONS
    )
    if lost:
        publish_incarnation(drive, one)
    return lost
