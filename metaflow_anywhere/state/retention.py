"""What of a mirror is not needed any more, decided from what is on the drive alone.

Kept are the two newest sound bases that share no file, with those they build on, on the way from the newest incarnation
back through its parents; and all log from the older of the two on. Histories that the newest incarnation does not come
from are never given up, nor is what they need. Bases and snapshots that were begun and never finished are needed by
nobody. What is given up was found to be needless twice, with the whole grace between, by a clock that nobody
sets: what replaces it has had time to be uploaded, and one listing may lie.
"""

from __future__ import annotations

import time

from metaflow_anywhere.state.aside import aside_of
from metaflow_anywhere.state.catalogue import Base, Catalogue, Incarnation
from metaflow_anywhere.state.documents import Damaged, unpacked
from metaflow_anywhere.state.drive import DriveError
from metaflow_anywhere.state.layout import MANIFEST, SNAPSHOT, IncarnationName, WalName, base_start

KEPT_BASES = 2
GRACE_SECONDS = 300.0  # longer than a cloud drive takes to upload what a base weighs


class Retention:
    """Decides for one mirror; remembers which files it has read and found sound, and since when what is needless."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self.grace = grace
        self._sound: set[str] = set()
        self._needless: dict[str, float] = {}  # since when (monotonic, s), in each listing since then

    def unneeded(self, catalogue: Catalogue, tip: Incarnation) -> list[str]:
        """The files and folders that can be deleted now, in an order in which to do it. Raises DriveError."""
        now = time.monotonic()
        found = self._needless_now(catalogue, tip)
        self._needless = {name: self._needless.get(name, now) for name in found}
        again = catalogue.listing.again()  # the second look: a name that one of two does not show is left alone
        return [
            name for name in found
            if now - self._needless[name] >= self.grace and again.versions(name) and not self._is_new(name, now)
        ]  # fmt: skip

    def _is_new(self, name: str, now: float) -> bool:
        """Whether this is the first time that ``name`` is needless, where there is any grace at all."""
        return self.grace > 0 and self._needless[name] == now

    def _needless_now(self, catalogue: Catalogue, tip: Incarnation) -> list[str]:
        path = catalogue.path(tip)
        found = self._merged(catalogue, tip)
        kept = self._kept_bases(catalogue, path)
        found += self._unfinished(catalogue, tip, path, kept)
        if len(kept) < KEPT_BASES or not self._is_whole(catalogue, path, kept):
            return found
        protected = self._protected(catalogue, tip)
        oldest_owner, (*_, oldest) = kept[-1]
        index = path.index(oldest_owner)
        wanted = {base.folder for _, chain in kept for base in chain}
        newest = max(chain[-1].time for _, chain in kept)
        for one in path[: index + 1]:
            if one.name in protected:
                continue
            for folder in catalogue.base_folders(one):
                base = catalogue.base(folder)
                if folder not in wanted and base is not None and base.time < newest:
                    found.append(folder)
        if oldest_owner.name not in protected:
            found += [
                f"{oldest_owner.name}/wal/{name}"
                for name in catalogue.wal(oldest_owner)
                if name.end <= oldest.segments.floor(oldest.start)
            ]
        found += [str(one.name) for one in path[index + 1 :] if one.name not in protected]
        return found

    def _unfinished(
        self, catalogue: Catalogue, tip: Incarnation, path: list[Incarnation],
        kept: list[tuple[Incarnation, list[Base]]],
    ) -> list[str]:  # fmt: skip
        """What was begun and never finished, by somebody who died: bases older than one that is whole, and snapshots.

        No restore can use them. One whose manifest is there under any name, damaged or half written, is none of them.
        """
        listing = catalogue.listing

        def is_unfinished(folder: str) -> bool:
            inside = listing.names(folder, halves=True)
            return MANIFEST not in inside and SNAPSHOT not in inside

        found = [folder for folder in catalogue.snapshots if is_unfinished(folder)]
        if kept:
            newest, protected = kept[0][1][-1].start, self._protected(catalogue, tip)
            folders = [one for at in path if at.name not in protected for one in catalogue.base_folders(at)]
            found += [
                one for one in folders
                if (base_start(one.rpartition("/")[2]) or 0) < newest and is_unfinished(one)
            ]  # fmt: skip
        return found

    def _protected(self, catalogue: Catalogue, tip: Incarnation) -> set[IncarnationName]:
        """Incarnations that hold a history beside that of ``tip``, or that such a history needs to be restored."""
        found: set[IncarnationName] = set()
        for aside in aside_of(catalogue, tip):
            path = catalogue.path(aside.incarnation)
            for index, one in enumerate(path):
                found.add(one.name)
                bases = (catalogue.base(folder) for folder in catalogue.base_folders(one))
                if any(
                    base and catalogue.suits(base, path, index) and self._is_good(catalogue, base) for base in bases
                ):
                    break
        return found

    def _is_good(self, catalogue: Catalogue, base: Base) -> bool:
        if base.folder not in self._sound and catalogue.is_sound(base):
            self._sound.add(base.folder)
        return base.folder in self._sound

    @staticmethod
    def _is_whole(catalogue: Catalogue, path: list[Incarnation], kept: list[tuple[Incarnation, list[Base]]]) -> bool:
        """Whether the log has no hole from the older of the kept bases to the end, by the names of its files."""
        owner, (*_, oldest) = kept[-1]
        position = oldest.log_end
        for one in reversed(path[: path.index(owner) + 1]):
            names = [name for name in catalogue.wal(one) if name.timeline == one.timeline]
            if one is not owner:
                if position < one.start:
                    return False
                position = one.start
            for name in names:
                if name.start > position:
                    return False
                position = max(position, name.end)
        return True

    def _kept_bases(self, catalogue: Catalogue, path: list[Incarnation]) -> list[tuple[Incarnation, list[Base]]]:
        """Who owns each, and each with those it builds on, itself last."""
        kept: list[tuple[Incarnation, list[Base]]] = []
        for index, one in enumerate(path):
            for folder in catalogue.base_folders(one):
                base = catalogue.base(folder)
                chain = catalogue.chain(base) if base else None
                if base is None or chain is None or not catalogue.suits(base, path, index):
                    continue
                if any(chain[0] == other[0] for _, other in kept):
                    continue
                if self._is_good(catalogue, base):
                    kept.append((one, chain))
                if len(kept) == KEPT_BASES:
                    return kept
        return kept

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
        if path not in self._sound:
            try:
                unpacked(catalogue.drive.read(path))
            except (Damaged, DriveError) as error:
                catalogue.fault(path, str(error))
                return False
            self._sound.add(path)
        return True
