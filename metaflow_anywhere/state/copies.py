"""A copy in root of files that are written elsewhere and never change much: artifacts, logs of tasks, cards.

What was written is carried over within a second or two, and everything is compared now and then, a little at a time.
Files appear whole, nothing is ever deleted, and links are not copied.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.hints import command
from metaflow_anywhere.state.tree import FILLING, OPEN_SECONDS, Tree, files_below

SETTLE_SECONDS = 0.5  # files come in flocks: one rsync for all of one
COMPARE_SECONDS = 600.0
COMPARE_SHARE = 10  # comparing all files takes at most one part this many of the time
SLICE_SECONDS = 0.5  # of comparing, before what was written meanwhile has its turn
RETRY_SECONDS = 10.0
CHUNK_FILES = 500
CHUNK_BYTES = 8 << 20  # so that large artifacts keep no small files waiting
CLOCK_SECONDS = 2.0  # some file systems tell times in steps of two seconds
ARRIVING = ".arriving"  # below the target: files on their way
RSYNC = ("rsync", "--recursive", "--times", "--whole-file", "--no-links", "--from0", f"--exclude=/{ARRIVING}")
NO_TIME = "there was no time for it"
PARTIAL, VANISHED = 23, 24  # of rsync: some files could not be read; some were gone meanwhile
Tell = Callable[[str], None]


class CopyFailed(Exception):
    """Not everything was copied; the text is the reason. ``partial`` if it is only about some of the files."""

    def __init__(self, why: str, *, partial: bool = False) -> None:
        super().__init__(why)
        self.partial = partial


@dataclass(frozen=True)
class Copied:
    """How a copy stands. ``until`` (epoch, s): all that was written before is in it; None while it was never compared.
    ``left`` files are known to wait. ``problem`` keeps them from it since ``since``."""

    source: str
    target: str
    until: float | None = None
    left: int = 0
    problem: str | None = None
    since: float | None = None
    blind: str | None = None


def rsync(
    source: Path, target: Path, only: Iterable[Path] | None = None, late: Callable[[], bool] = lambda: False
) -> None:
    """Copy the folder ``source``, or ``only`` these files of it, over ``target``, which must be there.

    Ended early once ``late`` says so. Raises CopyFailed.
    """
    if shutil.which("rsync") is None:
        raise CopyFailed("the program rsync is missing (apt-get install rsync)")
    if late():
        raise CopyFailed(NO_TIME)
    arriving = target / ARRIVING
    try:
        arriving.mkdir(exist_ok=True)
    except OSError as error:
        raise CopyFailed(reason(error)) from error
    command = [*RSYNC, f"--temp-dir={arriving}"]
    names = b""
    if only is not None:  # they changed, whatever their sizes and times say
        command += ["--ignore-times", "--files-from=-", "--ignore-missing-args"]
        names = b"\0".join(os.fsencode(path.relative_to(source)) for path in only)
    done = subprocess.Popen(
        [*command, f"{source}/", f"{target}/"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    printed, sent = b"", names or None
    while done.returncode is None:
        try:
            printed = done.communicate(sent, timeout=0.2)[1]
        except subprocess.TimeoutExpired:
            sent = None  # it has that by now, or is still being given it
            if late():
                done.terminate()
                done.communicate()
                raise CopyFailed(NO_TIME) from None
    if done.returncode not in (0, VANISHED):
        lines = printed.decode(errors="replace").strip().splitlines()
        why = lines[0] if lines else f"rsync ended with status {done.returncode}"
        raise CopyFailed(why, partial=done.returncode == PARTIAL)


def lacks(source: Path, target: Path, path: Path) -> bool:
    """Whether ``path`` of ``source`` is not in ``target`` as it is. A newer file of that size is the same one: some
    drives give what they store times of their own."""
    try:
        here = path.stat()
    except OSError:
        return False
    try:
        there = (target / path.relative_to(source)).stat()
    except OSError:
        return True
    return here.st_size != there.st_size or there.st_mtime < here.st_mtime - CLOCK_SECONDS


class FileCopies:
    """Keeps ``target`` a copy of ``source`` in a thread of its own.

    ``beside`` is a folder that is there whenever the drive of ``target`` is. ``report`` hears how it stands; ``tell``
    gets a line when that becomes better or worse. A failure is tried again until it is none.
    """

    def __init__(
        self, source: Path, target: Path, beside: Path, tell: Tell, report: Callable[[Copied], None] = lambda _: None
    ) -> None:  # fmt: skip
        self.source, self.target, self.beside = source, target, beside
        self.tell, self.report = tell, report
        self.standing = Copied(str(source), str(target))
        self._waiting: dict[Path, None] = {}
        self._comparing: Iterator[Path] | None = None
        self._compare_at = 0.0
        self._compare_began = 0.0
        self._compared = False
        self._ending = threading.Event()
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin; everything is compared once at the beginning."""
        self._thread.start()

    def end(self, seconds: float) -> None:
        """Ask for the end: what was written is copied still, as far as that goes in so many seconds.

        May be called from a signal handler.
        """
        self._deadline = min(self._deadline, time.monotonic() + seconds)
        self._ending.set()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    # ---- the thread

    def _run(self) -> None:
        tree = Tree(self.source)
        shutil.rmtree(self.target / ARRIVING, ignore_errors=True)  # of a copy that was killed
        while not self._ending.is_set():
            if not self._turn(tree):
                self._ending.wait(RETRY_SECONDS)
        if not self._is_late():
            if tree.blind:
                tree.look()
            self._turn(tree)
        tree.close()

    def _turn(self, tree: Tree) -> bool:
        """One round: hear what was written, compare a little, copy. True if nothing stood in the way."""
        try:
            now = self._listen(tree)
            self._compare()
            self._copy()
        except (CopyFailed, OSError) as error:
            why = reason(error) if isinstance(error, OSError) else str(error)
            self._stand(problem=why, blind=tree.blind)
            return False
        except Exception as error:  # a fault of ours must be seen, and must not end the copies
            self._stand(problem=f"{type(error).__name__}: {error}", blind=tree.blind)
            return False
        self._stand(problem=None, blind=tree.blind, until=now if self._compared else None)
        return True

    def _listen(self, tree: Tree) -> float:
        """Add what was written to what waits; returns up to when that is all (epoch, s)."""
        ending = self._ending.is_set()
        busy = ending or self._comparing is not None
        news = tree.written(0.0 if busy else SETTLE_SECONDS)
        if news and not ending:
            self._ending.wait(SETTLE_SECONDS)
        now = time.time()
        self._waiting.update(dict.fromkeys([*news, *tree.written(0.0)]))
        return min(now, tree.certain) if tree.blind else now

    def _compare(self) -> None:
        """Compare all files for a moment, if it is time for that and nothing else waits."""
        if self._ending.is_set() or self._waiting:
            return
        now = time.monotonic()
        if self._comparing is None:
            if now < self._compare_at:
                return
            self._require_drive()
            self._comparing, self._compare_began = files_below(self.source), now
        for path in self._comparing:
            if lacks(self.source, self.target, path):
                self._waiting[path] = None
            if len(self._waiting) >= CHUNK_FILES or time.monotonic() - now > SLICE_SECONDS:
                return
        took = now - self._compare_began
        self._comparing, self._compare_at = None, now + max(COMPARE_SECONDS, COMPARE_SHARE * took)
        self._compared = True

    def _copy(self) -> None:
        """Copy all that waits, small files first. Raises CopyFailed once everything was tried."""
        refused = ""
        left: list[Path] = []
        for chunk in chunks(self._waiting):
            self._require_drive()
            self.report(replace(self.standing, left=len(self._waiting)))
            try:
                rsync(self.source, self.target, chunk, self._is_late)
            except CopyFailed as error:
                if not error.partial:
                    raise
                refused = str(error)  # a file that cannot be read must not keep the others waiting
                left += [path for path in chunk if lacks(self.source, self.target, path)]
            for path in chunk:
                self._waiting.pop(path, None)
        self._waiting.update(dict.fromkeys(left))
        if left:
            raise CopyFailed(refused)

    def _require_drive(self) -> None:
        """A drive that is not mounted must not be mistaken for an empty one. Raises CopyFailed."""
        if not self.beside.is_dir():
            raise CopyFailed(f"{self.beside} is gone (is the drive still mounted?)")
        self.target.mkdir(exist_ok=True)

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def _stand(self, *, problem: str | None, blind: str | None, until: float | None = None) -> None:
        before = self.standing
        since = None if problem is None else before.since or time.time()
        self.standing = replace(
            before, problem=problem, since=since, blind=blind, left=len(self._waiting), until=until or before.until
        )
        if problem and problem != before.problem:
            self.tell(f"{self.source} is not copied to {self.target}: {problem}")
        if before.problem and not problem:
            self.tell(f"{self.source} is copied to {self.target} again")
        if blind and not before.blind:
            self.tell(f"no events from {self.source}, it is looked through now and then instead: {blind}")
        self.report(self.standing)


def chunks(paths: Collection[Path]) -> Iterator[list[Path]]:
    """``paths`` from small files to large ones, in lots that are neither too many nor too much at a time."""
    sized = []
    for path in paths:
        try:
            sized.append((path.stat().st_size, path))
        except OSError:  # gone: rsync passes over it
            sized.append((0, path))
    chunk: list[Path] = []
    weight = 0
    for size, path in sorted(sized):
        if chunk and (len(chunk) >= CHUNK_FILES or weight + size > CHUNK_BYTES):
            yield chunk
            chunk, weight = [], 0
        chunk.append(path)
        weight += size
    if chunk:
        yield chunk


def complete(source: Path, target: Path, until: float | None) -> int:
    """Copy what was written to ``source`` at ``until`` (epoch, s; None: ever) or later and is not in ``target``.

    Returns the number of files. Raises CopyFailed.
    """
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:
        raise CopyFailed(reason(error)) from error
    since = 0.0 if until is None else until - OPEN_SECONDS
    wanting = [path for path in files_below(source, since) if lacks(source, target, path)]
    for chunk in chunks(wanting):
        rsync(source, target, chunk)
    return len(wanting)


# ---- the way back


def wants_filling(source: Path, target: Path) -> bool:
    """Whether the folder ``target`` is to be filled from its copy ``source``: it has no files, or not all yet."""
    if not source.is_dir() or next(files_below(source), None) is None:
        return False
    return (target / FILLING).exists() or next(files_below(target), None) is None


def fill(source: Path, target: Path) -> None:
    """Fill ``target`` from its copy ``source``; once that is interrupted, ``wants_filling`` is true until it is done.

    Files that are there already with the same size and time are passed over. Raises AnywhereError.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        (target / FILLING).touch()
        rsync(source, target)
        shutil.rmtree(target / ARRIVING, ignore_errors=True)
        (target / FILLING).unlink()
    except (OSError, CopyFailed) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise AnywhereError(f"{target} cannot be filled from {source}", why=why, run=command("doctor")) from error
