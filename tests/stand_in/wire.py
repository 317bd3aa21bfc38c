"""The few structures of the kernel's FUSE protocol (linux/fuse.h, 7.31) that the stand-in needs."""

from __future__ import annotations

import os
import struct

MAJOR, MINOR = 7, 31
MAX_WRITE_BYTES = 128 << 10
BUFFER_BYTES = MAX_WRITE_BYTES + 4096
IN_HEADER = struct.Struct("<IIQQIIII")
OUT_HEADER = struct.Struct("<IiQ")
INIT_OUT = struct.Struct("<IIIIHHIIHHI28x")
ENTRY = struct.Struct("<QQQQII")
ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
SETATTR = struct.Struct("<IIQQQQQQIIIIIIII")
OPENED = struct.Struct("<QIi")
TRANSFER = struct.Struct("<QQI")  # file handle, offset, size: of reads and writes
STATFS = struct.Struct("<QQQQQIIII24x")
DIRENT = struct.Struct("<QQII")
ASYNC_READ, ATOMIC_TRUNCATE, BIG_WRITES = 1, 1 << 3, 1 << 5
SET_MODE, SET_UID, SET_GID, SET_SIZE, SET_ATIME, SET_MTIME = 1, 2, 4, 8, 16, 32
SET_ATIME_NOW, SET_MTIME_NOW = 128, 256
NAMES = {
    1: "lookup", 2: "forget", 3: "getattr", 4: "setattr", 5: "readlink", 6: "symlink", 8: "mknod", 9: "mkdir",
    10: "unlink", 11: "rmdir", 12: "rename", 13: "link", 14: "open", 15: "read", 16: "write", 17: "statfs",
    18: "release", 20: "fsync", 25: "flush", 26: "init", 27: "opendir", 28: "readdir", 29: "releasedir",
    30: "fsyncdir", 35: "create", 36: "interrupt", 38: "destroy", 42: "batch_forget", 45: "rename2",
}  # fmt: skip
UNANSWERED = ("forget", "batch_forget", "interrupt", "destroy")  # the kernel waits for none of these


def attributes(found: os.stat_result) -> bytes:
    """The kernel's form of a ``stat``."""
    times = (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)
    return ATTRIBUTES.pack(
        found.st_ino, found.st_size, found.st_blocks, *(one // 10**9 for one in times),
        *(one % 10**9 for one in times), found.st_mode, found.st_nlink, found.st_uid, found.st_gid, found.st_rdev,
        found.st_blksize, 0,
    )  # fmt: skip


def dirent(inode: int, offset: int, name: bytes, kind: int) -> bytes:
    """One entry of a folder."""
    packed = DIRENT.pack(inode, offset, len(name), kind) + name
    return packed + b"\0" * (-len(packed) % 8)


def text(data: bytes) -> list[bytes]:
    """The names at the end of a request."""
    return data.split(b"\0")[:-1]
