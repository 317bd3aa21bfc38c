"""The mirror's size follows from the database's size and the limits of its pace, never from how much was committed.

``--long`` makes 500,000 commits and writes what was sampled meanwhile to bench/state.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from metaflow_anywhere.state.catalogue import Catalogue
from metaflow_anywhere.state.drive import Drive
from tests.state.growth_table import write_table
from tests.state.lab import Machine, eventually

WRITERS = 4
COMMITS_A_CALL = 100
COMMITS_A_SECOND = 4000  # twenty times what many flows at once bring about
SAMPLE_SECONDS = 0.25
WAITING = 2  # times the log after which a base is due: where it takes longer than that, the writers wait
MIB = 1 << 20
# Every commit changes one of a thousand rows where it is: much log, and a database that does not grow by it.
PREPARE = """
CREATE TABLE work (id int PRIMARY KEY, pad text) WITH (fillfactor = 40);
INSERT INTO work SELECT n, repeat(md5(n::text), 40) FROM generate_series(1, 1000) n;
ALTER TABLE work ALTER pad SET STORAGE PLAIN;
CREATE PROCEDURE work(commits int) LANGUAGE plpgsql AS $$
BEGIN
    FOR number IN 1..commits LOOP
        UPDATE work SET pad = (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 40))
        WHERE id = 1 + floor(random() * 1000);
        COMMIT;
    END LOOP;
END $$;
"""


@dataclass(frozen=True)
class Sample:
    """What was in the mirror after ``commits``: bytes in all, whole bases, files of log; ``written`` is what was ever
    there, in bytes."""

    commits: int
    seconds: float
    bytes: int
    bases: int
    ranges: int
    written: int


@dataclass
class Sampler:
    """Looks at the folder ``root`` from time to time, in a thread of its own."""

    root: Path
    commits: int = 0
    samples: list[Sample] = field(default_factory=list)
    ever: dict[Path, int] = field(default_factory=dict)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        ended = threading.Event()
        began = time.monotonic()

        def watch() -> None:
            while not ended.wait(SAMPLE_SECONDS):
                self.samples.append(self.look(time.monotonic() - began))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.samples.append(self.look(time.monotonic() - began))

    def look(self, seconds: float) -> Sample:
        now: dict[Path, int] = {}
        for path in self.root.rglob("*"):
            with contextlib.suppress(OSError):  # given up meanwhile
                if path.is_file():
                    now[path] = path.stat().st_size
        for path, size in now.items():
            self.ever[path] = max(size, self.ever.get(path, 0))
        bases = sum(path.name == "MANIFEST.json" for path in now)
        ranges = sum(path.suffix in (".w1", ".w2", ".w3") for path in now)
        return Sample(self.commits, seconds, sum(now.values()), bases, ranges, sum(self.ever.values()))


def commit(machine: Machine, sampler: Sampler, count: int, base_bytes: int) -> None:
    """``count`` commits from several connections that do not wait for the local disk, at a pace that can be kept."""
    calls, lock = count // COMMITS_A_CALL, threading.Lock()
    began = time.monotonic()

    def write(share: int) -> None:
        with machine.connect() as connection:
            connection.execute("SET synchronous_commit = off")
            for _ in range(share):
                connection.execute("CALL work(%s)", [COMMITS_A_CALL])
                with lock:
                    sampler.commits += COMMITS_A_CALL
                time.sleep(max(0.0, began + sampler.commits / COMMITS_A_SECOND - time.monotonic()))
                eventually(lambda: is_carried(machine, sampler.root, base_bytes), "a new base")

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, [calls // WRITERS] * WRITERS))


def is_carried(machine: Machine, root: Path, base_bytes: int) -> bool:
    """Whether the next base is not long overdue: on a busy machine it takes its time."""
    standing = machine.standing
    assert standing
    assert standing.newest_base
    base = Catalogue(Drive(root)).base(standing.newest_base["folder"])
    return base is not None and standing.position - base.end < WAITING * max(base_bytes, base.bytes)


def bound(sampler: Sampler, base_bytes: int) -> int:
    """The most that may be there, in bytes.

    Bases: two that are kept, one on its way, one that may be too young to replace another. Log: between three of them
    and after the newest, and once more, since merged ranges and their parts stay side by side for a while.
    """
    base = max(size for path, size in sampler.ever.items() if path.name == "base.tar.gz")
    return 4 * base + 2 * 4 * WAITING * max(base_bytes, base)


@pytest.mark.parametrize(
    ("commits", "megabytes", "times"),
    [
        pytest.param(48_000, 1, 1.5, id="48,000 commits"),
        pytest.param(500_000, 16, 4, id="500,000 commits", marks=pytest.mark.long),
    ],
)
def test_the_size_does_not_grow_with_what_is_committed(
    machine: Machine, drive: Drive, commits: int, megabytes: int, times: float
) -> None:
    base_bytes = megabytes * MIB
    pace = {"tick": 0.5, "base_bytes": base_bytes, "base_pause": 0.5, "grace": 1.0, "upkeep": 0.5}
    with machine.connect() as connection:
        connection.execute(PREPARE)
    machine.mirror(drive, machine.mirroring(drive, **pace))
    before = machine.flushed()
    sampler = Sampler(drive.root)
    with sampler.running():
        commit(machine, sampler, commits, base_bytes)
    machine.await_mirrored()
    log_bytes = machine.flushed() - before
    limit = bound(sampler, base_bytes)
    if commits >= 500_000:
        write_table(sampler.samples, limit, log_bytes)
    assert sampler.commits == commits
    assert max(one.bytes for one in sampler.samples) < limit
    written = sampler.samples[-1].written
    eventually(lambda: sampler.look(0).bytes * times < written, "the giving up of what is old", 30)
