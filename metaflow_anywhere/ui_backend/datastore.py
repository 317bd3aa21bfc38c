"""Files of a local datastore, opened so that no name in a database row or a URL can lead out of it.

Nothing here writes: what tasks stored is read where it is.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from metaflow_anywhere.far.hand import beat

SHA = re.compile(r"[0-9a-f]{40}")
LOCAL = ".metaflow"  # what clients call the folder in a datastore's root
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
FILE_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO in the place of a file must not block us


class OutsideDatastore(ValueError):
    """A name that would lead out of the datastore: ``..``, an absolute path, a link, or no regular file."""


class Folder:
    """Everything below ``root``, which may itself be a link; below it links are not followed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self, *names: str) -> BinaryIO:
        """The regular file at ``names``, one for each level. Raises OutsideDatastore, OSError."""
        descriptor = self._walk(names, FILE_FLAGS)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OutsideDatastore(f"{'/'.join(names)} is no regular file")
        return os.fdopen(descriptor, "rb")

    def names(self, *names: str) -> list[str]:
        """What is in the folder at ``names``, sorted; nothing if there is none. Raises OutsideDatastore."""
        try:
            descriptor = self._walk(names, FOLDER_FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            return []
        try:
            return sorted(os.listdir(descriptor))  # noqa: PTH208  # a Path would be looked up again
        finally:
            os.close(descriptor)

    def _walk(self, names: tuple[str, ...], last_flags: int) -> int:
        """A descriptor of what is at ``names``; every level is opened from the one above it."""
        for name in names:
            if not name or name in (".", "..") or "/" in name or "\0" in name:
                raise OutsideDatastore(f"{name!r} is no name in a datastore")
        descriptor = os.open(self.root, FOLDER_FLAGS)
        beat()
        try:
            for level, name in enumerate(names, start=1):
                flags = (last_flags if level == len(names) else FOLDER_FLAGS) | os.O_NOFOLLOW
                following = os.open(name, flags, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = following
                beat()
        except OSError as error:
            linked = _is_link(name, descriptor)
            os.close(descriptor)
            if linked:
                raise OutsideDatastore(f"{'/'.join(names)}: {name} is a link, and is not followed") from None
            raise error
        return descriptor


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


class Datastore(Folder):
    """A local datastore: ``sysroot/.metaflow``.

    Rows name the root that the datastore had when they were written. It may have moved since with everything in it, so
    that name is not used: this is the only place that is looked at.
    """

    def __init__(self, sysroot: Path) -> None:
        super().__init__(sysroot / LOCAL)

    def blob(self, flow: str, sha: str) -> BinaryIO:
        """The stored form of the artifact with this ``sha``. Raises OutsideDatastore, OSError."""
        if not SHA.fullmatch(sha):
            raise OutsideDatastore(f"{sha[:60]!r} is no key of an artifact")
        return self.open(flow, "data", sha[:2], sha)

    def below(self, path: str) -> tuple[str, ...]:
        """The names that lead to ``path``, a file that a row names with the root of its time.

        Raises OutsideDatastore.
        """
        _, found, rest = path.partition(f"/{LOCAL}/")
        if not found:
            raise OutsideDatastore(f"{path[:200]!r} is not in a datastore")
        return tuple(rest.split("/"))
