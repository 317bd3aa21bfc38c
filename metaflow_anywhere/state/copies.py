"""A copy in root of files that are written elsewhere and never change much: artifacts, logs of tasks, cards.

What was written is carried over within a second or two, and everything is compared now and then, a little at a time:
what only root has is brought here, and what differs is written to root, since this machine is the one that may write.
Files appear whole, nothing is ever deleted, and links are not copied.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from metaflow_anywhere.errors import reason
from metaflow_anywhere.far.reach import Hanging, Reach, reach_of
from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder
from metaflow_anywhere.state.tree import ARRIVING, HALF, OPEN_SECONDS, Pair, Tree, files_below, pairs_below

SETTLE_SECONDS = 0.5  # files come in flocks: one rsync for all of one
COMPARE_SECONDS = 600.0
COMPARE_SHARE = 10  # comparing all files takes at most one part this many of the time
SLICE_SECONDS = 0.5  # of comparing, before what was written meanwhile has its turn
RETRY_SECONDS = 10.0
CHUNK_FILES = 500
CHUNK_BYTES = 8 << 20  # so that large artifacts keep no small files waiting
CLOCK_SECONDS = 2.0  # some file systems tell times in steps of two seconds
RSYNC = ("rsync", "--recursive", "--times", "--whole-file", "--no-links", "--from0", f"--exclude=/{ARRIVING}")
BRINGING = ("--ignore-existing",)
LOOK_SECONDS = 5.0  # between two looks whether the drive hangs
LEAVE_SECONDS = 0.5
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
    ``left`` files are known to wait, and ``wanted`` are in the copy only. ``problem`` keeps them from it since
    ``since``."""

    source: str
    target: str
    until: float | None = None
    left: int = 0
    wanted: int = 0
    problem: str | None = None
    since: float | None = None
    blind: str | None = None


def rsync(
    source: Path, target: Path, only: Iterable[Path], late: Callable[[], bool] = lambda: False,
    more: Iterable[str] = (), reach: Reach | None = None,
) -> None:  # fmt: skip
    """Copy ``only`` these files of the folder ``source`` over ``target``, which must be there; ``more`` are options.

    Ended early once ``late`` says so, or the drive hangs that ``reach`` leads to. Raises CopyFailed.
    """
    reach = reach or reach_of(target)
    if shutil.which("rsync") is None:
        raise CopyFailed("the program rsync is missing (apt-get install rsync)")
    if late():
        raise CopyFailed(NO_TIME)
    arriving = target / ARRIVING
    try:
        reach.call(make, arriving)
    except OSError as error:
        raise CopyFailed(reason(error)) from error
    names = b"\0".join(os.fsencode(path.relative_to(source)) for path in only)
    # they changed, whatever their sizes and times say
    command = [*RSYNC, f"--temp-dir={arriving}", "--ignore-times", "--files-from=-", "--ignore-missing-args", *more]
    done = subprocess.Popen(
        [*command, f"{source}/", f"{target}/"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    printed, sent, look_at = b"", names or None, time.monotonic() + LOOK_SECONDS
    while done.returncode is None:
        try:
            printed = done.communicate(sent, timeout=0.2)[1]
        except subprocess.TimeoutExpired:
            sent = None  # it has that by now, or is still being given it
            if late():
                leave(done)
                raise CopyFailed(NO_TIME) from None
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK_SECONDS
                try:
                    reach.call(os.listdir, reach.place)
                except Hanging as hanging:
                    leave(done)
                    raise CopyFailed(str(hanging)) from None
                except OSError:
                    continue
    if done.returncode not in (0, VANISHED):
        lines = printed.decode(errors="replace").strip().splitlines()
        why = lines[0] if lines else f"rsync ended with status {done.returncode}"
        raise CopyFailed(why, partial=done.returncode == PARTIAL)


def make(folder: Path) -> None:
    """Make ``folder`` in one that is there."""
    make_folder(folder, PRIVATE_FOLDER)


def clear(folder: Path) -> None:
    """Remove ``folder`` and all in it, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def leave(process: subprocess.Popen[bytes]) -> None:
    """End ``process``, and do not wait for it where a drive holds it."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=LEAVE_SECONDS)
        return
    process.kill()
    for end in (process.stdin, process.stderr):
        if end:
            with contextlib.suppress(OSError):
                end.close()


def lacks(source: Path, target: Path, path: Path) -> bool:
    """Whether ``path`` of ``source`` is not in ``target`` as it is."""
    try:
        here = path.stat()
    except OSError:
        return False
    try:
        return differs(here, (target / path.relative_to(source)).stat())
    except OSError:
        return True


def differs(here: os.stat_result, there: os.stat_result) -> bool:
    """Whether a file is another one in the copy. A newer file of that size is the same one: some drives give what they
    store times of their own."""
    return here.st_size != there.st_size or there.st_mtime < here.st_mtime - CLOCK_SECONDS


class FileCopies:
    """Keeps ``target`` a copy of ``source`` in a thread of its own.

    ``beside`` is a folder that is there whenever the drive of ``target`` is. ``report`` hears how it stands; ``tell``
    gets a line when that becomes better or worse. A failure is tried again until it is none.
    """

    def __init__(
        self, source: Path, target: Path, beside: Path, tell: Tell, report: Callable[[Copied], None] = lambda _: None,
        reach: Reach | None = None,
    ) -> None:  # fmt: skip
        self.source, self.target, self.beside = source, target, beside
        self.tell, self.report = tell, report
        self.reach = reach or reach_of(target)
        self.standing = Copied(str(source), str(target))
        self._waiting: dict[Path, None] = {}
        self._halves: dict[Path, float] = {}  # since when (monotonic, s)
        self._missing: dict[str, None] = {}  # here
        self._brought: dict[Path, int] = {}  # and their times: that they came is no news
        self._comparing: Iterator[Pair] | None = None
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
        with contextlib.suppress(OSError):
            self.reach.call(clear, self.target / ARRIVING)  # of a copy that was killed
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
        for path in (*news, *tree.written(0.0)):
            self._hear(path)
        grown = time.monotonic() - (0.0 if ending else OPEN_SECONDS)
        for path in [path for path, since in self._halves.items() if since <= grown or not path.exists()]:
            del self._halves[path]
            self._waiting[path] = None
        return min(now, tree.certain) if tree.blind else now

    def _hear(self, path: Path) -> None:
        """``path`` was written: it waits for its copy, or first for its true name."""
        if path in self._brought and self._brought.pop(path) == _time(path):
            return
        if path.name.endswith(HALF):
            self._halves.setdefault(path, time.monotonic())
        else:
            self._waiting[path] = None

    def _compare(self) -> None:
        """Compare all files for a moment, if it is time for that and nothing else waits."""
        if self._ending.is_set() or self._waiting or self._missing:
            return
        now = time.monotonic()
        if self._comparing is None:
            if now < self._compare_at:
                return
            self._require_drive()
            self._comparing, self._compare_began = pairs_below(self.source, self.target, self.reach), now
            self._brought.clear()
        try:
            for pair in self._comparing:
                if pair.here is None:
                    self._missing[pair.path] = None
                elif pair.there is None or differs(pair.here, pair.there):
                    self._hear(self.source / pair.path)
                many = len(self._waiting) + len(self._missing) >= CHUNK_FILES
                if many or time.monotonic() - now > SLICE_SECONDS:
                    return
        except OSError:
            self._comparing = None  # from the beginning, or what could not be listed would be passed over
            raise
        took = now - self._compare_began
        self._comparing, self._compare_at = None, now + max(COMPARE_SECONDS, COMPARE_SHARE * took)
        self._compared = True

    def _copy(self) -> None:
        """Copy all that waits, small files first, and bring what is missing here. Raises CopyFailed once everything was
        tried."""
        refused = ""
        left: list[Path] = []
        for chunk in chunks(self._waiting):
            self._require_drive()
            self.report(replace(self.standing, left=len(self._waiting) + len(self._halves)))
            try:
                rsync(self.source, self.target, chunk, self._is_late, reach=self.reach)
            except CopyFailed as error:
                if not error.partial:
                    raise
                refused = str(error)  # a file that cannot be read must not keep the others waiting
                left += [path for path in chunk if self.reach.call(lacks, self.source, self.target, path)]
            for path in chunk:
                self._waiting.pop(path, None)
        self._waiting.update(dict.fromkeys(left))
        self._bring()
        if left:
            raise CopyFailed(refused)

    def _bring(self) -> None:
        """Bring what only the copy has; what came into being here meanwhile stays as it is. Raises CopyFailed."""
        if not self._missing or self._ending.is_set():
            return
        self._require_drive()
        refused = ""
        try:
            names = map(self.target.joinpath, self._missing)
            rsync(self.target, self.source, names, self._is_late, BRINGING, self.reach)
        except CopyFailed as error:
            if not error.partial:
                raise
            refused = str(error)
        for name in list(self._missing):
            path = self.source / name
            if (time_ := _time(path)) is not None:
                self._brought[path] = time_
                del self._missing[name]
            elif not self.reach.call(os.path.exists, self.target / name):
                del self._missing[name]
        if refused:
            raise CopyFailed(refused)

    def _require_drive(self) -> None:
        """A drive that is not mounted must not be mistaken for an empty one. Raises CopyFailed."""
        if not self.reach.call(os.path.isdir, self.beside):
            raise CopyFailed(f"{self.beside} is gone (is the drive still mounted?)")
        self.reach.call(make, self.target)

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def _stand(self, *, problem: str | None, blind: str | None, until: float | None = None) -> None:
        before = self.standing
        since = None if problem is None else before.since or time.time()
        self.standing = replace(
            before, problem=problem, since=since, blind=blind, left=len(self._waiting) + len(self._halves),
            wanted=len(self._missing), until=until or before.until,
        )  # fmt: skip
        if problem and problem != before.problem:
            self.tell(f"{self.source} is not copied to {self.target}: {problem}")
        if before.problem and not problem:
            self.tell(f"{self.source} is copied to {self.target} again")
        if blind and not before.blind:
            self.tell(f"no events from {self.source}, it is looked through now and then instead: {blind}")
        self.report(self.standing)


def _time(path: Path) -> int | None:
    """When a file was written (ns); None if there is none."""
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return None


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


def complete(source: Path, target: Path, until: float | None, reach: Reach | None = None) -> int:
    """Copy what was written to ``source`` at ``until`` (epoch, s; None: ever) or later and is not in ``target``.

    Returns the number of files. Raises CopyFailed.
    """
    try:
        reach = reach or reach_of(target)
        reach.call(make, target)
        since = 0.0 if until is None else until - OPEN_SECONDS
        wanting = [path for path in files_below(source, since) if reach.call(lacks, source, target, path)]
    except OSError as error:
        raise CopyFailed(reason(error)) from error
    for chunk in chunks(wanting):
        rsync(source, target, chunk, reach=reach)
    return len(wanting)
