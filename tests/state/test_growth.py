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

from metaflow_anywhere.state.drive import Drive
from tests.state.growth_table import write_table
from tests.state.lab import Machine

WRITERS = 4
COMMITS_A_CALL = 100
COMMITS_A_SECOND = 4000  # twenty times what many flows at once bring about
SAMPLE_SECONDS = 0.25
BASE_SECONDS = 2.0  # to take one and carry it away, on a busy machine
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


def commit(machine: Machine, sampler: Sampler, count: int) -> None:
    """``count`` commits at an even pace, from several connections that do not wait for the local disk."""
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

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, [calls // WRITERS] * WRITERS))


def bound(sampler: Sampler, pace: dict[str, float], log_bytes: int) -> int:
    """The most that may be there, in bytes. ``log_bytes`` is how much log the database has written.

    Bases: two that are kept, one on its way, one that may be too young to replace another. Log: between the bases that
    are kept and while the youngest ages, and once more, since merged ranges and their parts stay side by side.
    """
    base = max(size for path, size in sampler.ever.items() if path.name == "base.tar.gz")
    a_second = log_bytes / sampler.samples[-1].seconds
    between = max(pace["base_bytes"], base) + a_second * (pace["base_pause"] + BASE_SECONDS)
    log = 3 * between + a_second * (pace["grace"] + pace["upkeep"])
    return int(4 * base + 2 * log)


@pytest.mark.parametrize(
    ("commits", "megabytes", "times"),
    [
        pytest.param(40_000, 1, 1.5, id="40,000 commits"),
        pytest.param(500_000, 16, 4, id="500,000 commits", marks=pytest.mark.long),
    ],
)
def test_the_size_does_not_grow_with_what_is_committed(
    machine: Machine, drive: Drive, commits: int, megabytes: int, times: float
) -> None:
    pace: dict[str, float] = {
        "tick": 0.5, "base_bytes": megabytes * MIB, "base_pause": 0.5, "grace": 1.0, "upkeep": 0.5,
    }  # fmt: skip
    with machine.connect() as connection:
        connection.execute(PREPARE)
    machine.mirror(drive, machine.mirroring(drive, **pace))
    before = machine.flushed()
    sampler = Sampler(drive.root)
    with sampler.running():
        commit(machine, sampler, commits)
    machine.await_mirrored()
    log_bytes = machine.flushed() - before
    limit = bound(sampler, pace, log_bytes)
    if commits >= 500_000:
        write_table(sampler.samples, limit, log_bytes)
    assert sampler.commits == commits
    peak = max(one.bytes for one in sampler.samples[len(sampler.samples) // 2 :])
    assert peak < limit
    assert peak * times < sampler.samples[-1].written, "too little was given up"
