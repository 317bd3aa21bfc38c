"""Who may see what we write: each mode is set here, whatever the umask is, and a drive without modes is no fault."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO, Any

from metaflow_anywhere.far.hand import beat
from metaflow_anywhere.far.places import kind_at, resolved

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
PASSABLE_FOLDER = 0o711  # others may go to what they know of below it, and see nothing of it
OPEN_FOLDER = 0o755


# File systems that keep no owners and modes, which PostgreSQL insists on for its files; and drives that are far away.
WITHOUT_MODES = frozenset([
    "vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "cifs", "smb3", "smbfs", "drvfs", "fuse.rclone", "fuse.s3fs",
    "fuse.sshfs", "fuse.gcsfuse", "fuse.drive", "fuse.google-drive-ocamlfuse", "fuse.exfat", "fuse.exfat-fuse",
])  # fmt: skip
# Those that have no links either; a fuseblk is exFAT or NTFS.
WITHOUT_LINKS = frozenset(["vfat", "msdos", "exfat", "fuseblk", "fuse.exfat", "fuse.exfat-fuse"])


def kind_without_modes(path: Path) -> str | None:
    """The kind of file system that ``path`` is or would be on, if it keeps no owners and modes."""
    kind = kind_of_file_system(path)
    return kind if kind in WITHOUT_MODES else None


def kind_of_file_system(path: Path) -> str | None:
    """The kind of file system that ``path`` is or would be on, as the system names it; None if it does not tell."""
    return kind_at(resolved(path))


def set_mode(path: Path, mode: int) -> None:
    """Give ``path`` its mode. A file system that keeps no modes (FAT, exFAT, some mounted drives) is left as it is.

    Raises OSError if ``path`` is somebody else's.
    """
    try:
        path.chmod(mode)
    except OSError as error:
        ours = os.geteuid() in (0, path.stat().st_uid)
        if not ours or error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise


def make_folder(path: Path, mode: int, above: int = OPEN_FOLDER) -> None:
    """Make the folder ``path`` with ``mode``, and those above it that are missing with the mode ``above``.

    What is there already keeps its mode. Raises OSError.
    """
    missing: list[Path] = []
    for place in (path, *path.parents):
        beat()
        if place.is_dir():
            break
        missing.append(place)
    for folder in reversed(missing):
        beat()
        try:
            folder.mkdir(mode=mode if folder is path else above)
        except FileExistsError:
            if not folder.is_dir():
                raise
            continue  # another command was quicker
        beat()
        set_mode(folder, mode if folder is path else above)


def open_private(path: Path, how: str, **more: Any) -> IO[Any]:
    """``open``, where what it makes is its owner's alone. Raises OSError."""
    return open(path, how, opener=_private, **more)  # pathlib's has no opener


def write_private(path: Path, content: str | bytes) -> None:
    """Write ``content`` into the file ``path``, its owner's alone, also if it was there. Raises OSError."""
    with open_private(path, "wb") as file:
        set_mode(path, PRIVATE_FILE)
        file.write(content.encode() if isinstance(content, str) else content)


def touch_private(path: Path) -> None:
    """Make the file ``path`` for a program that will write into it, or close the one that is there. Raises OSError."""
    with open_private(path, "ab"):
        set_mode(path, PRIVATE_FILE)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)
