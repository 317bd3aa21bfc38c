"""The folders that a stack needs: usable, ours, and with paths that Metaflow's client can work with."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.far.hand import beat
from metaflow_anywhere.hints import command
from metaflow_anywhere.modes import OPEN_FOLDER, PASSABLE_FOLDER, PRIVATE_FOLDER, make_folder, set_mode
from metaflow_anywhere.stack.cards import join_cards

# Of "local.<the path of .metaflow in it>.<a flow's name>" in 255 bytes, with 64 for the flow's name.
LONGEST_DATASTORE_BYTES = 255 - len("local./.metaflow.") - 64


def require_short(datastore: Path) -> None:
    """Refuse a place whose artifacts Metaflow's client could store, and could not read back."""
    length = len(os.fsencode(datastore.absolute()))
    if length > LONGEST_DATASTORE_BYTES:
        raise AnywhereError(
            f"the path of the datastore is too long: {length} bytes, and at most {LONGEST_DATASTORE_BYTES} work",
            why="Metaflow's client makes one name of it and the flow's, and a name has 255 bytes at most",
            run=f"MF_ROOT=/a/shorter/folder {command('up')}",
        )


def usable_folder(folder: Path, mode: int, name: str) -> None:
    """Make ``folder`` unless it is there; it can be written. Raises AnywhereError that names the setting ``name``."""
    try:
        make_folder(folder, mode, mode if name == "MF_STATE_DIR" else OPEN_FOLDER)
        beat()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(folder))
    except OSError as error:
        raise AnywhereError(
            f"{name} cannot be written: {folder}",
            why=reason(error),
            run=f"{name}=/a/folder/of/yours {command('up')}",
        ) from error


def make_root(root: Path, origin: str, ours: tuple[Path, ...]) -> None:
    """Root, as it is wanted; ``ours`` are those folders in it that are nobody else's.

    ``origin`` is where its name comes from. Raises AnywhereError.
    """
    try:
        kind = root.stat().st_mode
    except OSError:
        kind = None
    if kind is not None and not stat.S_ISDIR(kind):
        raise AnywhereError(
            f"MF_ROOT {root} is not a folder",
            why=f"a file is in its place; the value comes from {origin}",
            run=command("up", root=f"{root}.d"),
        )
    beat()
    usable_folder(root, PASSABLE_FOLDER if Account.for_this_process() else PRIVATE_FOLDER, "MF_ROOT")
    for folder in ours:  # earlier versions left them open
        beat()
        with contextlib.suppress(OSError):
            if stat.S_IMODE(folder.stat().st_mode) != PRIVATE_FOLDER:
                set_mode(folder, PRIVATE_FOLDER)


def make_datastore(datastore: Path) -> None:
    """The datastore, and its place for cards. Raises AnywhereError."""
    usable_folder(datastore, PRIVATE_FOLDER, "DATASTORE_DIR")
    beat()
    try:
        join_cards(datastore)
    except OSError as error:
        raise AnywhereError(f"DATASTORE_DIR cannot be written: {datastore}", why=reason(error)) from error


def require_own(folder: Path, mode: int) -> None:
    """The folder of sockets is a real folder of ours and has ``mode``, also below /tmp, where anybody may have
    put a link or a folder in its place. Raises AnywhereError."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        what = "is a link" if stat.S_ISLNK(found.st_mode) else "belongs to another user"
        raise AnywhereError(
            f"the stack's sockets cannot be in {folder}",
            why=f"it {what}; they are there because the path of MF_STATE_DIR is long or has unusual characters",
            run=f"MF_STATE_DIR=/a/short/folder {command('up')}",
        )
    set_mode(folder, mode)
