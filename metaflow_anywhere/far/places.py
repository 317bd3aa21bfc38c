"""Which paths are on drives that may hang, found out without touching them; and questions to such drives."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from metaflow_anywhere.far.hand import beat
from metaflow_anywhere.far.reach import Hanging, Reach

MOUNTS = Path("/proc/self/mounts")  # not there but on Linux
FAR_KINDS = re.compile(r"fuse(?!ctl).*|nfs\d?|cifs|smb.*|9p|drvfs|afs|ceph|glusterfs|lustre|beegfs|davfs|virtiofs")
QUESTION_SECONDS = 5.0  # for an operation; whoever asks can do without the answer
DOUBT_SECONDS = 60.0  # before a question that was not answered is asked again
NOTHING = Path("/nonexistent")
MOST_LINKS = 40  # as the kernel

T = TypeVar("T")
_resolved: dict[Path, Path] = {}  # a path on a far drive, and what it is without links
_hanging: dict[Path, float] = {}  # a place on such a drive that did not answer, and until when (monotonic) it is let be


def mounts() -> list[tuple[bytes, str]]:
    """Every mounted folder, and the kind of its file system, those that are mounted over others later."""
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, folder, kind, options, *_ = line.split(b" ")
        folder = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), folder)
        told = "drvfs" if kind == b"9p" and b"aname=drvfs" in options else kind.decode("utf-8", "replace")
        found.append((folder, told))
    return found


def kind_at(path: Path, among: list[tuple[bytes, str]] | None = None) -> str | None:
    """The kind of file system that ``path``, in which no links are looked for, is or would be on; None if unknown."""
    place = os.fsencode(path)
    longest, found = b"", ""
    for folder, kind in mounts() if among is None else among:
        if len(folder) >= len(longest) and (place + b"/").startswith(folder.rstrip(b"/") + b"/"):
            longest, found = folder, kind
    return found or None


def resolved(path: Path) -> Path:
    """``path`` without links, as far as that can be found out: what is on a drive that hangs is taken as written."""
    near, rest = _to_far(path.absolute())
    if rest is None:
        return near
    whole = near.joinpath(*rest)
    if whole not in _resolved:
        found: str | None = _question(near, None, _walked, str(near), tuple(rest))
        if found is None:
            return whole
        _resolved[whole] = Path(found)
    return _resolved[whole]


def ask(place: Path, otherwise: T, function: Callable[..., T], *arguments: Any) -> T:
    """``function(*arguments)``, about ``place``; ``otherwise`` where that is on a drive that hangs."""
    near, rest = _to_far(place.absolute())
    return function(*arguments) if rest is None else _question(near, otherwise, function, *arguments)


def is_far(path: Path) -> bool:
    """Whether ``path`` is on a drive that may hang."""
    return _to_far(path.absolute())[1] is not None


def _question(near: Path, otherwise: T, function: Callable[..., T], *arguments: Any) -> T:
    if _hanging.get(near, 0.0) > time.monotonic():
        return otherwise
    try:
        return Reach(near, QUESTION_SECONDS).call(function, *arguments)
    except Hanging:
        _hanging[near] = time.monotonic() + DOUBT_SECONDS
        return otherwise


def _to_far(path: Path) -> tuple[Path, list[str] | None]:
    """``path`` without links, and None; or the first part of it that is on a far drive, and what comes after."""
    whole, links, there = Path(path.anchor), 0, True
    rest, among = list(path.parts[1:]), mounts()
    while rest:
        part = rest.pop(0)
        if part == "..":
            whole = whole.parent
            continue
        whole /= part
        if FAR_KINDS.fullmatch(kind_at(whole, among) or ""):
            return whole, rest
        target = _link(whole) if there and links < MOST_LINKS else None
        there = there and target != NOTHING
        if target and there:
            links += 1
            rest = [*(target.parts[1:] if target.is_absolute() else target.parts), *rest]
            whole = Path(path.anchor) if target.is_absolute() else whole.parent
    return whole, None


def _link(path: Path) -> Path | None:
    """Where the link ``path`` leads, None if it is no link, NOTHING if it is not there."""
    try:
        return Path(os.readlink(path))  # noqa: PTH115
    except OSError as error:
        return None if error.errno == errno.EINVAL else NOTHING


def _walked(near: str, rest: tuple[str, ...]) -> str:
    """In a process that can be left: ``near`` and ``rest`` as one path without links, one look after the other."""
    whole = near
    for number, part in enumerate(rest):
        beat()
        whole = os.path.join(whole, part)  # noqa: PTH118
        try:
            linked = stat.S_ISLNK(os.lstat(whole).st_mode)
        except FileNotFoundError:  # nor can there be a link below it
            return os.path.join(whole, *rest[number + 1 :])  # noqa: PTH118
        if linked:
            beat()
            whole = os.path.realpath(whole)
    return whole
