"""How the database here stands to the mirror: quick where it runs, since each `up` looks."""

from __future__ import annotations

from pathlib import Path

from metaflow_anywhere.postgres import Cluster
from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.signs import gather, has_database
from metaflow_anywhere.state.verdict import Choice, Memory, Seen, Sign, Situation, stand


def look(
    drive: Drive, data: Path, *, cluster: Cluster | None = None, memory: Memory | None = None,
    choice: Choice | None = None, others: tuple[Sign, ...] = (),
) -> Situation:  # fmt: skip
    """Compare the data directory ``data`` with the mirror; quick, and changes nothing. Raises DriveError.

    With ``cluster``, which is the one in ``data``, its log is compared too, if it does not run. ``others`` are signs of
    an earlier database outside of the mirror; they count where there is none here.
    """
    if not has_database(data):
        return stand(gather(Catalogue(drive), memory=memory, others=others), choice)
    return stand(_gather(Catalogue(drive), data, cluster, memory), choice)


def _gather(catalogue: Catalogue, data: Path, cluster: Cluster | None, memory: Memory | None) -> Seen:
    if cluster is None or not has_database(data) or cluster.server_pid() is not None:
        return gather(catalogue, data, memory=memory)
    from metaflow_anywhere.state.ending import stopped  # noqa: PLC0415  # a look at one that runs needs neither
    from metaflow_anywhere.state.log_reader import commits, killed_end  # noqa: PLC0415

    def end(one: Incarnation) -> int | None:
        at_end = stopped(cluster, one)
        return at_end.end if at_end else killed_end(catalogue, cluster, one)

    def count(one: Incarnation, start: int, stop: int) -> int | None:
        return commits(cluster, one, start, stop)

    return gather(catalogue, data, memory=memory, end=end, commits=count)
