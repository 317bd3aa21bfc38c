"""What of a mirror is not needed any more, decided from what is on the drive alone: a restart changes nothing.

Kept are the two newest sound bases that share no file, with those they build on, on the way from the newest incarnation
back through its parents; and all log from the older of the two on. Nothing is given up before what replaces it has had
time to be uploaded.
"""

from __future__ import annotations

import time

from metaflow_anywhere.state.catalogue import Base, Catalogue, Incarnation
from metaflow_anywhere.state.documents import Damaged, unpacked
from metaflow_anywhere.state.drive import DriveError
from metaflow_anywhere.state.layout import WalName

KEPT_BASES = 2
GRACE_SECONDS = 300.0  # longer than a cloud drive takes to upload what a base weighs
OTHER_BRANCH_SECONDS = 7 * 86400.0  # what another machine wrote after we took over: for people to look at


class Retention:
    """Decides for one mirror; remembers which files it has read and found sound."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self.grace = grace
        self._sound: set[str] = set()

    def unneeded(self, catalogue: Catalogue, tip: Incarnation) -> list[str]:
        """The files and folders that can be deleted now, in an order in which to do it. Raises DriveError."""
        path = catalogue.path(tip)
        found = [name for one in path[:1] for name in self._merged(catalogue, one)]
        kept = self._kept_bases(catalogue, path)
        if len(kept) < KEPT_BASES or any(time.time() - chain[-1].time < self.grace for _, chain in kept):
            return found
        oldest_owner, (*_, oldest) = kept[-1]
        index = path.index(oldest_owner)
        wanted = {base.folder for _, chain in kept for base in chain}
        newest = max(chain[-1].time for _, chain in kept)
        for one in path[: index + 1]:
            for folder in catalogue.base_folders(one):
                if folder not in wanted and self._is_older(catalogue, folder, newest):
                    found.append(folder)
        found += [
            f"{oldest_owner.name}/wal/{name}"
            for name in catalogue.wal(oldest_owner)
            if name.end <= oldest.segments.floor(oldest.start)
        ]
        found += [str(one.name) for one in path[index + 1 :]]
        found += self._other_branches(catalogue, path)
        return found

    def _kept_bases(self, catalogue: Catalogue, path: list[Incarnation]) -> list[tuple[Incarnation, list[Base]]]:
        """Who owns each, and each with those it builds on, itself last."""
        kept: list[tuple[Incarnation, list[Base]]] = []
        for one in path:
            for folder in catalogue.base_folders(one):
                base = catalogue.base(folder)
                chain = catalogue.chain(base) if base else None
                if base is None or chain is None or any(chain[0] == other[0] for _, other in kept):
                    continue
                if folder in self._sound or catalogue.is_sound(base):
                    self._sound.add(folder)
                    kept.append((one, chain))
                if len(kept) == KEPT_BASES:
                    return kept
        return kept

    def _is_older(self, catalogue: Catalogue, folder: str, than: float) -> bool:
        """Whether the base in ``folder`` is not one that is being written right now."""
        base = catalogue.base(folder)
        if base is not None:
            return base.time < than
        names = catalogue.drive.names(folder)
        return all(catalogue.drive.age(f"{folder}/{name}") > self.grace for name in names)

    def _merged(self, catalogue: Catalogue, one: Incarnation) -> list[str]:
        """Ranges of log that are in a larger one as well, which is old enough and sound."""
        present = catalogue.wal(one)
        found = []
        for large in (name for name in present if name.level > 1):
            parts = [name for name in present if large.covers(name)]
            if parts and self._is_settled(catalogue, one, large):
                found += [f"{one.name}/wal/{name}" for name in parts]
        return list(dict.fromkeys(found))

    def _is_settled(self, catalogue: Catalogue, one: Incarnation, name: WalName) -> bool:
        path = f"{one.name}/wal/{name}"
        if catalogue.drive.age(path) < self.grace:
            return False
        if path not in self._sound:
            try:
                unpacked(catalogue.drive.read(path))
            except (Damaged, DriveError) as error:
                catalogue.fault(path, str(error))
                return False
            self._sound.add(path)
        return True

    def _other_branches(self, catalogue: Catalogue, path: list[Incarnation]) -> list[str]:
        """Incarnations that the newest one does not come from, and that nobody has written to for long."""
        names = {one.name for one in path}
        found = []
        for one in catalogue.incarnations.values():
            if one.name in names:
                continue
            newest = max((f"{one.name}/wal/{name}" for name in map(str, catalogue.wal(one))), default=None)
            age = catalogue.drive.age(newest) if newest else time.time() - one.began
            if age > OTHER_BRANCH_SECONDS:
                found.append(str(one.name))
        return found
