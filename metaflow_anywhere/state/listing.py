"""The names on a drive, each folder listed once, by what they stand for.

A cloud drive shows a file or folder under a name of its own now and then (``X (1).w1``), shows two where there should
be one, and may take the rename back that ends a write. Which of them is good is told by their seals, never by names.
"""

from __future__ import annotations

from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import plain


class Listing:
    """What ``drive`` showed when it was first asked for each folder."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self._entries: dict[str, list[str]] = {}

    def again(self) -> Listing:
        """A second look, which asks the drive for everything anew."""
        return Listing(self.drive)

    def names(self, folder: str = "", *, halves: bool = False) -> list[str]:
        """What the entries of ``folder`` stand for, sorted, each once; ``halves`` are complete writes whose rename was
        taken back, or writes that were cut off. Raises DriveError."""
        found = {
            plain(entry) for place in self._places(folder) for entry in self._list(place)
            if halves or not entry.startswith(".")
        }  # fmt: skip
        return sorted(found)

    def exact(self, folder: str) -> list[str]:
        """The entries of ``folder`` under the very names they were written with. Raises DriveError."""
        return [entry for entry in self._list(folder) if not entry.startswith(".") and plain(entry) == entry]

    def versions(self, name: str) -> list[str]:
        """The files that stand for ``name``, the one that is called so first. Raises DriveError."""
        folder, _, last = name.rpartition("/")
        found = [
            f"{place}/{entry}" if place else entry
            for place in self._places(folder) for entry in self._list(place) if plain(entry) == last
        ]  # fmt: skip
        return sorted(found, key=lambda one: (one != name, one))

    def _places(self, folder: str) -> list[str]:
        return self.versions(folder) if folder else [""]

    def _list(self, place: str) -> list[str]:
        if place not in self._entries:
            self._entries[place] = self.drive.entries(place)
        return self._entries[place]
