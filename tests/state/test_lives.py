"""What was committed comes back on another machine, life after life."""

from __future__ import annotations

from collections.abc import Callable

from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.restore import Kind, look
from tests.state.lab import Machine


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


def test_a_chain_of_lives_without_bases_of_their_own(
    machine: Machine, new_machine: Callable[[], Machine], drive: Drive
) -> None:
    machine.mirror(drive)
    words = []
    for number in range(3):
        words.append(f"life {number}")
        say(machine, words[-1])
        machine.await_mirrored()
        machine.kill()
        machine = new_machine()
        machine.restore(drive)
        machine.start()
        assert said(machine) == words
        machine.mirror(drive)


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
