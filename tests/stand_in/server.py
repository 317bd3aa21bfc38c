"""The stand-in drive's program: a passthrough of a folder by raw /dev/fuse, told what to do by a page of shared memory.

    python -m tests.stand_in.server MOUNTPOINT BACKING CONTROL TRACE

No product code is here, and none of a FUSE library: it only has to be true to what a hanging daemon does to its users.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.stand_in import wire
from tests.stand_in.mounting import CONTROL, mount

LOOK_SECONDS = 0.02
KNOWN_SECONDS = 1  # how long the kernel may remember what it was told
THREADS = 64


class Server:
    """Serves ``backing`` on the descriptor of /dev/fuse."""

    def __init__(self, descriptor: int, backing: bytes, control: mmap.mmap, trace: int) -> None:
        self.descriptor, self.control, self.trace = descriptor, control, trace
        self.paths: dict[int, bytes] = {1: backing}
        self.nodes: dict[bytes, int] = {backing: 1}
        self.lock = threading.Lock()
        self.next_node = 2

    def run(self) -> None:
        """Until the kernel says that it is unmounted."""
        with ThreadPoolExecutor(THREADS) as pool:
            while True:
                try:
                    request = os.read(self.descriptor, wire.BUFFER_BYTES)
                except OSError as error:
                    if error.errno == errno.ENODEV:
                        return
                    if error.errno in (errno.EINTR, errno.ENOENT):
                        continue
                    raise
                pool.submit(self.answer, request)

    def answer(self, request: bytes) -> None:
        """One request; waits before it as it was told."""
        _, code, unique, node, *_ = wire.IN_HEADER.unpack_from(request)
        name = wire.NAMES.get(code, str(code))
        if name in wire.UNANSWERED:
            return
        data = request[wire.IN_HEADER.size :]
        if name != "init":
            path = self.paths.get(node, b"?") + (b"/" + wire.text(data)[0] if name in ("lookup", "unlink") else b"")
            os.write(self.trace, f"{time.time():.3f} {name} {os.fsdecode(path)}\n".encode())
            delay, _ = CONTROL.unpack_from(self.control)
            time.sleep(delay)
            while CONTROL.unpack_from(self.control)[1]:
                time.sleep(LOOK_SECONDS)
        handler: Callable[[int, bytes], bytes] | None = getattr(self, f"do_{name}", None)
        body, fault = b"", 0
        try:
            if handler is None:
                raise OSError(errno.ENOSYS, "")
            body = handler(node, data)
        except OSError as error:
            body, fault = b"", error.errno or errno.EIO
        try:
            os.write(self.descriptor, wire.OUT_HEADER.pack(wire.OUT_HEADER.size + len(body), -fault, unique) + body)
        except OSError as error:  # whoever asked is gone, or the drive is unmounted
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise

    # ---- names

    def below(self, node: int, name: bytes) -> bytes:
        return self.paths[node] + b"/" + name

    def entry(self, path: bytes) -> bytes:
        found = os.lstat(path)
        with self.lock:
            node = self.nodes.get(path)
            if node is None:
                node = self.nodes[path] = self.next_node
                self.paths[node] = path
                self.next_node += 1
        return wire.ENTRY.pack(node, 0, KNOWN_SECONDS, KNOWN_SECONDS, 0, 0) + wire.attributes(found)

    def do_init(self, node: int, data: bytes) -> bytes:
        flags = wire.ASYNC_READ | wire.ATOMIC_TRUNCATE | wire.BIG_WRITES
        return wire.INIT_OUT.pack(wire.MAJOR, wire.MINOR, 128 << 10, flags, 64, 48, wire.MAX_WRITE_BYTES, 1, 0, 0, 0)

    def do_lookup(self, node: int, data: bytes) -> bytes:
        return self.entry(self.below(node, wire.text(data)[0]))

    def do_getattr(self, node: int, data: bytes) -> bytes:
        return struct.pack("<QII", KNOWN_SECONDS, 0, 0) + wire.attributes(os.lstat(self.paths[node]))

    def do_setattr(self, node: int, data: bytes) -> bytes:
        path = self.paths[node]
        valid, _, _, size, _, atime, mtime, _, ans, mns, _, mode, _, uid, gid, _ = wire.SETATTR.unpack_from(data)
        if valid & wire.SET_MODE:
            os.chmod(path, mode & 0o7777)
        if valid & (wire.SET_UID | wire.SET_GID):
            owner, group = uid if valid & wire.SET_UID else -1, gid if valid & wire.SET_GID else -1
            os.chown(path, owner, group, follow_symlinks=False)
        if valid & wire.SET_SIZE:
            os.truncate(path, size)
        if valid & (wire.SET_ATIME | wire.SET_MTIME):
            now, found = time.time_ns(), os.lstat(path)
            times = [
                now if valid & at_once else seconds * 10**9 + part if valid & given else known
                for at_once, given, seconds, part, known in (
                    (wire.SET_ATIME_NOW, wire.SET_ATIME, atime, ans, found.st_atime_ns),
                    (wire.SET_MTIME_NOW, wire.SET_MTIME, mtime, mns, found.st_mtime_ns),
                )
            ]
            os.utime(path, ns=(times[0], times[1]), follow_symlinks=False)
        return self.do_getattr(node, data)

    def do_readlink(self, node: int, data: bytes) -> bytes:
        return os.readlink(self.paths[node])

    def do_symlink(self, node: int, data: bytes) -> bytes:
        name, target = wire.text(data)
        os.symlink(target, self.below(node, name))
        return self.entry(self.below(node, name))

    def do_mknod(self, node: int, data: bytes) -> bytes:
        mode, device = struct.unpack_from("<II", data)
        path = self.below(node, wire.text(data[16:])[0])
        os.mknod(path, mode, device)
        return self.entry(path)

    def do_mkdir(self, node: int, data: bytes) -> bytes:
        path = self.below(node, wire.text(data[8:])[0])
        os.mkdir(path, struct.unpack_from("<I", data)[0])
        return self.entry(path)

    def forget(self, path: bytes) -> None:
        with self.lock:
            self.nodes.pop(path, None)

    def do_unlink(self, node: int, data: bytes) -> bytes:
        path = self.below(node, wire.text(data)[0])
        os.unlink(path)
        self.forget(path)
        return b""

    def do_rmdir(self, node: int, data: bytes) -> bytes:
        path = self.below(node, wire.text(data)[0])
        os.rmdir(path)
        self.forget(path)
        return b""

    def do_rename(self, node: int, data: bytes) -> bytes:
        return self.renamed(node, struct.unpack_from("<Q", data)[0], data[8:])

    def do_rename2(self, node: int, data: bytes) -> bytes:
        if struct.unpack_from("<I", data, 8)[0]:
            raise OSError(errno.EINVAL, "")
        return self.renamed(node, struct.unpack_from("<Q", data)[0], data[16:])

    def renamed(self, node: int, into: int, names: bytes) -> bytes:
        old, new = wire.text(names)
        source, target = self.below(node, old), self.below(into, new)
        os.rename(source, target)
        with self.lock:
            self.nodes.pop(target, None)
            for path, number in list(self.nodes.items()):
                if path == source or path.startswith(source + b"/"):
                    del self.nodes[path]
                    self.paths[number] = target + path[len(source) :]
                    self.nodes[self.paths[number]] = number
        return b""

    def do_link(self, node: int, data: bytes) -> bytes:
        path = self.below(node, wire.text(data[8:])[0])
        os.link(self.paths[struct.unpack_from("<Q", data)[0]], path)
        return self.entry(path)

    # ---- contents

    def do_open(self, node: int, data: bytes) -> bytes:
        return wire.OPENED.pack(os.open(self.paths[node], struct.unpack_from("<I", data)[0]), 0, 0)

    def do_create(self, node: int, data: bytes) -> bytes:
        flags, mode = struct.unpack_from("<II", data)
        path = self.below(node, wire.text(data[16:])[0])
        handle = os.open(path, flags | os.O_CREAT, mode)
        return self.entry(path) + wire.OPENED.pack(handle, 0, 0)

    def do_read(self, node: int, data: bytes) -> bytes:
        handle, offset, size = wire.TRANSFER.unpack_from(data)
        return os.pread(handle, size, offset)

    def do_write(self, node: int, data: bytes) -> bytes:
        handle, offset, size = wire.TRANSFER.unpack_from(data)
        os.lseek(handle, offset, os.SEEK_SET)
        return struct.pack("<II", os.pwrite(handle, data[40 : 40 + size], offset), 0)

    def do_flush(self, node: int, data: bytes) -> bytes:
        return b""

    def do_fsync(self, node: int, data: bytes) -> bytes:
        return b""

    do_fsyncdir = do_fsync

    def do_release(self, node: int, data: bytes) -> bytes:
        os.close(struct.unpack_from("<Q", data)[0])
        return b""

    def do_statfs(self, node: int, data: bytes) -> bytes:
        found = os.statvfs(self.paths[node])
        return wire.STATFS.pack(
            found.f_blocks, found.f_bfree, found.f_bavail, found.f_files, found.f_ffree, found.f_bsize, found.f_namemax,
            found.f_frsize, 0,
        )  # fmt: skip

    # ---- folders

    def do_opendir(self, node: int, data: bytes) -> bytes:
        os.lstat(self.paths[node])
        return wire.OPENED.pack(0, 0, 0)

    def do_releasedir(self, node: int, data: bytes) -> bytes:
        return b""

    def do_readdir(self, node: int, data: bytes) -> bytes:
        _, offset, size = wire.TRANSFER.unpack_from(data)
        with os.scandir(self.paths[node]) as entries:
            found = sorted((one.name, one.inode(), 4 if one.is_dir(follow_symlinks=False) else 0) for one in entries)
        listed = [(b".", 1, 4), (b"..", 1, 4), *found]
        packed = b""
        for index in range(offset, len(listed)):
            name, inode, kind = listed[index]
            one = wire.dirent(inode, index + 1, name, kind)
            if len(packed) + len(one) > size:
                break
            packed += one
        return packed


def main() -> None:
    point, backing, control, trace = map(os.fsencode, sys.argv[1:])
    os.umask(0)
    with Path(os.fsdecode(control)).open("r+b") as file:
        told = mmap.mmap(file.fileno(), CONTROL.size)
    written = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    server = Server(mount(point), backing, told, written)
    print("mounted", flush=True)
    server.run()


if __name__ == "__main__":
    main()
