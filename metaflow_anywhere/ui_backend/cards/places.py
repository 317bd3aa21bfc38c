"""Where the cards of a task are.

A client writes cards beside the artifacts if METAFLOW_CARD_LOCALROOT is set (``invoke env`` sets it), else to the
``.metaflow/mf.cards`` of its working directory or of the nearest folder above that has one. So three kinds of places
are looked at: the datastore, the folders that settings name, and those above the flow's own source file.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from metaflow_anywhere.ui_backend.datastore import LOCAL, Datastore, Folder, OutsideDatastore

FOLDER = "mf.cards"
NAME = re.compile(r"(?P<type>[^-/]+)(?:-(?P<id>.+))?-(?P<hash>[0-9A-Za-z]+)\.html")
HIGHEST_LEVELS = 12  # above a flow's source file


@dataclass(frozen=True)
class Card:
    """One card of a task: the ``folder`` it was found in and the ``names`` that lead to its page in there."""

    type: str
    id: str | None
    hash: str
    folder: Folder
    names: tuple[str, ...]

    def open(self) -> BinaryIO:
        """The page. Raises OSError, OutsideDatastore."""
        return self.folder.open(*self.names)

    def open_data(self) -> BinaryIO:
        """The live data, which is beside the folder of pages. Raises OSError, OutsideDatastore."""
        *above, _, page = self.names
        return self.folder.open(*above, "runtime", page.removesuffix(".html") + ".data.json")

    def versions(self) -> tuple[str | None, str | None]:
        """What changes when the page, and when the live data, is written again; None for one that is not there."""
        return _version(self.open), _version(self.open_data)

    @property
    def file_name(self) -> str:
        """The page's own name."""
        return self.names[-1]


def _version(opened: Callable[[], BinaryIO]) -> str | None:
    with contextlib.suppress(OSError, OutsideDatastore), opened() as file:
        told = os.fstat(file.fileno())
        return f"{told.st_mtime_ns:x}-{told.st_size:x}"
    return None


@dataclass(frozen=True)
class Place:
    """A task as paths name it."""

    flow: str
    run: str
    step: str
    task: str

    def folders(self) -> Iterator[tuple[str, ...]]:
        """Where a folder of cards has this task's: today, and in clients that left the step out."""
        yield (self.flow, "runs", self.run, "steps", self.step, "tasks", self.task, "cards")
        yield (self.flow, "runs", self.run, "tasks", self.task, "cards")

    @property
    def path(self) -> str:
        """As the Client API writes it."""
        return "/".join((self.flow, self.run, self.step, self.task))


def fixed_folders(datastore: Datastore, folders: Iterable[Path]) -> list[Folder]:
    """Folders that may have cards of any flow: those of the datastore, and those that settings name."""
    found = [datastore, Folder(datastore.root / FOLDER)]
    for folder in folders:
        found += [Folder(folder / LOCAL / FOLDER), Folder(folder / FOLDER), Folder(folder)]
    return found


def folders_above(source: str | None) -> list[Folder]:
    """Folders of cards at and above the folder of a flow's source file."""
    if not source or not source.startswith("/") or ".." in source:
        return []
    return [Folder(folder / LOCAL / FOLDER) for folder in list(Path(source).parents)[:HIGHEST_LEVELS]]


def look(folders: Iterable[Folder], place: Place) -> list[Card]:
    """The cards of a task that are in ``folders``, each once."""
    found: dict[str, Card] = {}
    for folder in folders:
        for names in place.folders():
            with contextlib.suppress(OSError, OutsideDatastore):
                for name in folder.names(*names):
                    parts = NAME.fullmatch(name)
                    if parts is not None and parts["hash"] not in found:
                        card = Card(parts["type"], parts["id"], parts["hash"], folder, (*names, name))
                        found[card.hash] = card
    return list(found.values())
