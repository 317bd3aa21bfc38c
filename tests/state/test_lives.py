"""What was committed comes back on another machine, life after life."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import pytest

from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.lsn import parse_lsn
from metaflow_anywhere.state.restore import Kind, look
from tests.state.lab import Machine, eventually
from tests.state.trial import MODEL


def say(machine: Machine, *words: str) -> None:
    with machine.connect() as connection:
        for word in words:
            connection.execute("INSERT INTO t (said) VALUES (%s)", [word])


def said(machine: Machine) -> list[str]:
    with machine.connect() as connection:
        return [row[0] for row in connection.execute("SELECT said FROM t ORDER BY id")]


def test_what_was_mirrored_comes_back_after_a_kill(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    say(machine, "before the base")
    machine.mirror(drive)
    say(machine, "after", "the", "base")
    machine.await_mirrored()
    machine.kill()

    other = new_machine()
    assert look(drive, other.cluster.data).kind is Kind.ABSENT
    report = other.restore(drive)
    assert not report.log.missing
    assert not report.faults
    other.start()
    assert said(other) == ["before the base", "after", "the", "base"]
    assert look(drive, other.cluster.data).kind is Kind.CURRENT


def test_a_clean_end_loses_nothing_and_says_so(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    machine.mirror(drive)
    say(machine, "the last word")
    machine.shut_down()
    other = new_machine()
    report = other.restore(drive)
    assert report.log.complete
    other.start()
    assert said(other) == ["the last word"]


def test_a_database_that_was_stopped_goes_on_in_the_same_incarnation(machine: Machine, drive: Drive) -> None:
    first = machine.mirror(drive)
    machine.shut_down()
    machine.run_server()
    say(machine, "again")
    assert machine.mirror(drive) == first
    machine.await_mirrored()


@dataclass
class Work:
    """Commits rows of one life until its machine is lost, and remembers each: its number, and where the log was."""

    machine: Machine
    life: int
    acknowledged: list[int] = field(default_factory=list)  # positions of the log, by number of the row

    def start(self) -> None:
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            with self.machine.connect() as connection:
                while True:
                    number = len(self.acknowledged) + 1
                    connection.execute("INSERT INTO lives VALUES (%s, %s)", [self.life, number])
                    row = connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
                    assert row
                    self.acknowledged.append(parse_lsn(row[0]))
        except psycopg.Error:  # the machine is gone
            return

    def saved(self) -> int:
        """How many of the rows the mirror says it has."""
        standing = self.machine.standing
        position = standing.position if standing else 0
        return sum(at <= position for at in self.acknowledged)


def rows_of_lives(machine: Machine) -> dict[int, int]:
    """How many rows each life has left; fails if one of them has a hole."""
    with machine.connect() as connection:
        found = connection.execute("SELECT life, count(*), max(number) FROM lives GROUP BY 1 ORDER BY 1").fetchall()
    assert all(count == newest for _, count, newest in found), found
    return {life: count for life, count, _ in found}


@pytest.mark.parametrize("count", [4, pytest.param(20, marks=pytest.mark.long)])
def test_a_chain_of_lives_keeps_all_that_was_promised(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive, count: int
) -> None:
    """Each life ends in its own way: killed under load with or without a base of its own, or shut down."""
    with machine.connect() as connection:
        connection.execute("CREATE TABLE lives (life int, number int, PRIMARY KEY (life, number))")
    kept: dict[int, int] = {}
    for life in range(count):
        if life % 2:  # without a base of its own
            told = machine.mirroring(drive, merge_at=5)
            told.drive_class, told.drive_options = MODEL, {"no_bases": True}
            machine.claim(drive)
            machine.start_sync(told)
        else:
            machine.mirror(drive, machine.mirroring(drive, merge_at=5, base_bytes=1 << 18, base_pause=0.3))
        work = Work(machine, life)
        work.start()
        eventually(work.saved, "a first row in the mirror")
        time.sleep(random.uniform(0.3, 1.5))
        if life % 4 == 2:
            machine.shut_down()
            promised = len(work.acknowledged)
        else:
            promised = work.saved()
            machine.kill()
        work.thread.join()
        successor = new_machine()
        report = successor.restore(drive)
        assert "indexes checked against their tables" in report.note
        assert not report.log.missing, report.lines
        assert not report.faults, report.lines
        command = successor.programs.command("pg_checksums", "--check", "-D", successor.cluster.data)
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
        successor.start()
        found = rows_of_lives(successor)
        assert {name: found.get(name, 0) for name in kept} == kept, "an earlier life has changed"
        assert promised <= found.get(life, 0) <= len(work.acknowledged) + 1, "one may be in without having been told"
        kept[life] = found.get(life, 0)
        machine.clean_up()
        machine = successor
    assert sum(kept.values()) > count
