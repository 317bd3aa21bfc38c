"""What can be seen in, and had back from, a model's cloud: as the product's own code reads it."""

from __future__ import annotations

import json
import random

from metaflow_anywhere.state.bases import ARCHIVE
from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.documents import Damaged, unsealed
from metaflow_anywhere.state.layout import IncarnationName
from metaflow_anywhere.state.ways import Log, Way, collect, ways
from tests.state.simulator.model import Cloud, Database, ModelDrive, records


def folders(drive: ModelDrive) -> set[IncarnationName]:
    """The incarnations of which the drive shows anything."""
    return {name for path in drive.view if (name := IncarnationName.parse(path.partition("/")[0]))}


def newest_lived(drive: ModelDrive) -> IncarnationName | None:
    """Whom the lease names, if that lived or came after what lived."""
    try:
        found = unsealed(drive.view.get("LEASE.json", b""))
    except Damaged:
        return None
    holder = IncarnationName(found["sequence"], found["owner"])
    return holder if found["lived"] else None


def restorable(cloud: Cloud, rng: random.Random) -> dict[IncarnationName, int]:
    """How many commits can be had back of each incarnation, from all that is in the cloud."""
    drive = ModelDrive(cloud, rng, late=False)
    catalogue = Catalogue(drive)
    found = {}
    for name in catalogue.incarnations:
        way = next(ways(catalogue, tip=name), None)
        if way is not None:
            found[name] = len(replayed(catalogue, way)[0].commits)
    return found


def replayed(catalogue: Catalogue, way: Way) -> tuple[Database, Log]:
    """The database that ``way`` leads to, as PostgreSQL would recover it: as far as each record follows the last."""
    commits, digest = json.loads(catalogue.drive.read(catalogue.file(f"{way.base.folder}/{ARCHIVE}")))
    logs: dict[int, dict[int, bytes]] = {}

    def write(one: Incarnation, position: int, raw: bytes) -> None:
        logs.setdefault(one.timeline, {})[position] = raw

    log = collect(catalogue, way, write)
    result = Database(log.timeline, way.base.log_end, commits, digest)
    forks = {one.timeline: one.fork for one in way.path if one.history}
    order = sorted(timeline for timeline in logs if timeline <= log.timeline)
    position = way.base.log_end
    for timeline in order:
        later = [fork for other, fork in forks.items() if other > timeline and other <= log.timeline]
        stop = min([log.end, *later])
        raw = bytearray()
        for place, part in sorted(logs[timeline].items()):
            if place + len(part) > position + len(raw) >= place:
                raw[place - position if place >= position else 0 :] = part[max(0, position - place) :]
        for commit, said in records(bytes(raw[: max(0, stop - position)])):
            follows = result.copied()
            follows.write(commit)
            if follows.digest != said:
                return result, log
            result = follows
        position = result.end
    return result, log
