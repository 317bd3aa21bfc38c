"""How the stand-in drive is mounted, and the page of memory by which it is told what to do."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from pathlib import Path

CONTROL = struct.Struct("<dq")  # seconds for each operation; whether it hangs
DETACH = 2  # of umount2: also where it is in use


def mount(point: bytes) -> int:
    """Mount a FUSE file system without libfuse; returns the descriptor to serve it by. Raises OSError."""
    descriptor = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={descriptor},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"stand-in", point, b"fuse.drive", 0, options) != 0:
        number = ctypes.get_errno()
        os.close(descriptor)
        raise OSError(number, os.strerror(number))
    return descriptor


def unmount(folder: Path) -> None:
    """Take the file system at ``folder`` away, also from those who use it."""
    ctypes.CDLL(None, use_errno=True).umount2(bytes(folder), DETACH)


def cannot_mount(folder: Path) -> str:
    """Why no stand-in drive can be mounted at ``folder``; empty if one can be."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = mount(bytes(folder))
    except OSError as error:
        return str(error)
    unmount(folder)
    with contextlib.suppress(OSError):
        os.close(descriptor)
    return ""
