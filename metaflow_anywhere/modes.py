"""Who may see what we write: each mode is set here, whatever the umask is, and a drive without modes is no fault."""

from __future__ import annotations

import errno
import os
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
PASSABLE_FOLDER = 0o711  # others may go to what they know of below it, and see nothing of it
OPEN_FOLDER = 0o755


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
    if path.is_dir():
        return
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        try:
            folder.mkdir()
        except FileExistsError:
            if not folder.is_dir():
                raise
            continue  # another command was quicker
        set_mode(folder, mode if folder is path else above)
