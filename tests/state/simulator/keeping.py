"""What keeps a model mirror whole while its database runs: the product's own keeper of bases and its scrub."""

from __future__ import annotations

import json
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from metaflow_anywhere.state.base_keeper import BaseKeeper
from metaflow_anywhere.state.bases import ARCHIVE, POSTGRES_MANIFEST
from metaflow_anywhere.state.catalogue import Base, Catalogue, Incarnation
from metaflow_anywhere.state.documents import sealed
from metaflow_anywhere.state.layout import MANIFEST, base_name
from metaflow_anywhere.state.pace import Pace
from metaflow_anywhere.state.scrub import Scrub
from tests.state.simulator.model import SEGMENTS, Database, ModelDrive

FREE: Any = SimpleNamespace(take_if_free=lambda what: nullcontext(True))  # one step of a machine at a time
NEVER_ENDED: Any = SimpleNamespace(wait=lambda seconds: False, is_set=lambda: False)
PACE = Pace()


class ModelKeeper(BaseKeeper):
    """Publishes a base in the order in which the product does; takes none by itself, only when asked."""

    def __init__(self, drive: ModelDrive, one: Incarnation, database: Database, now: float) -> None:
        reporter: Any = SimpleNamespace(tell=lambda **_: None, standing=SimpleNamespace(bases=0))
        mirrored: Any = SimpleNamespace(drive=drive, turn=FREE)
        super().__init__(mirrored, one, reporter, PACE, lambda text: None)
        self.database, self.now = database, now
        catalogue = Catalogue(drive)
        bases = [base for folder in catalogue.base_folders(one) if (base := catalogue.base(folder))]
        if bases:
            self.tell(bases[0], len(bases))

    def _taken(self, *, full: bool) -> Base:
        database, drive = self.database, self.drive
        while database.end % SEGMENTS.size:
            database.write()
        start = database.end
        folder = f"{self.one.name}/{base_name(start)}"
        content = json.dumps([database.commits, database.digest]).encode()
        files = {}
        for name, data in ((POSTGRES_MANIFEST, b"model"), (ARCHIVE, content)):
            files[name] = {"sha256": drive.put(f"{folder}/{name}", data), "bytes": len(data)}
        base = Base(folder, "model", database.timeline, start, start, SEGMENTS, 180006, self.now, files)
        drive.put(f"{folder}/{MANIFEST}", sealed(base.document()))
        return base


def scrub_of(drive: ModelDrive, one: Incarnation, keeper: ModelKeeper) -> Scrub:
    """The product's scrub, which looks twice without a pause."""
    return Scrub(drive, one, keeper, PACE, lambda text: None, NEVER_ENDED)
