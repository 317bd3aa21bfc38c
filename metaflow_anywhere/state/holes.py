"""What a mirror lacks of a base and the log since, by the names and sizes of its files: cheap, reads no contents."""

from __future__ import annotations

from collections.abc import Collection

from metaflow_anywhere.state.catalogue import Base, Catalogue, Incarnation
from metaflow_anywhere.state.layout import WalName


def log_hole(
    catalogue: Catalogue, one: Incarnation, start: int, end: int, bad: Collection[str] = ()
) -> tuple[int, int] | None:
    """The first part of the log of ``one`` between ``start`` and ``end`` that no file holds, by their names; files
    named in ``bad`` do not count."""
    entries = catalogue.listing.names(f"{one.name}/wal")
    position = start
    for name in sorted(name for entry in entries if entry not in bad and (name := WalName.parse(entry))):
        if name.timeline != one.timeline or name.end <= position:
            continue
        if name.start > position:
            return (position, min(name.start, end)) if position < end else None
        position = name.end
    return (position, end) if position < end else None


def files_missing(catalogue: Catalogue, base: Base) -> str | None:
    """What is wrong with the files of ``base`` and of those it builds on, by their sizes; None if nothing is."""
    found = catalogue.base(base.folder)
    chain = catalogue.chain(found) if found else None
    if chain is None:
        return f"the base {base.folder} is not whole any more"
    for link in chain:
        for name, expected in link.files.items():
            path = f"{link.folder}/{name}"
            sizes = [catalogue.drive.size(version) for version in catalogue.listing.versions(path)]
            if expected["bytes"] not in sizes:
                return f"{path} is missing or cut off"
    return None
