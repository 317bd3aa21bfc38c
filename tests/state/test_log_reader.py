"""Where the log of a database that was killed ends, to the byte."""

from __future__ import annotations

from tests.state.lab import Machine


def test_the_end_of_a_killed_databases_log_is_not_before_what_was_flushed(machine: Machine, drive) -> None:  # type: ignore[no-untyped-def]
    from metaflow_anywhere.state.log_reader import crashed_end
    from metaflow_anywhere.state.restore import Kind, look

    one = machine.mirror(drive)
    with machine.connect() as connection:
        for text in ("a", "of another length", "x" * 9000):
            connection.execute("INSERT INTO t (said) VALUES (%s)", [text])
    machine.await_mirrored()
    flushed = machine.flushed()
    machine.kill()
    end = crashed_end(machine.cluster, one)
    assert end is not None
    assert end >= flushed
    assert end < flushed + 16 * 8192, "nothing else was written since"
    assert look(drive, machine.cluster.data, cluster=machine.cluster).kind is Kind.CURRENT
