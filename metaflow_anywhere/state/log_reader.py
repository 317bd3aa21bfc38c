"""What the log of a database that does not run holds, by PostgreSQL's own reader of logs."""

from __future__ import annotations

import re
import subprocess

from metaflow_anywhere.postgres import Cluster, ProgramFailed
from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.lsn import format_lsn, parse_lsn
from metaflow_anywhere.state.pages import after, next_record
from metaflow_anywhere.state.shipping import LogGone, read_log
from metaflow_anywhere.state.ways import read_range

READ_SECONDS = 600.0
_RECORD = re.compile(r"len \(rec/tot\):\s+\d+/\s*(\d+), .*lsn: ([0-9A-F]+/[0-9A-F]+)")
_COMMIT = re.compile(r"rmgr: Transaction .* desc: COMMIT ")
_SWITCH = re.compile(r"rmgr: XLOG .* desc: SWITCH")
_CHECKPOINT = re.compile(r"Latest checkpoint location:\s+(\S+)")
_TIMELINE = re.compile(r"Latest checkpoint's TimeLineID:\s+(\d+)")


def crashed_end(cluster: Cluster, one: Incarnation) -> int | None:
    """Where the log of a database that was killed ends: after the last record that can be read.

    None if it cannot be read.
    """
    try:
        printed = cluster.programs.run("pg_controldata", "-D", cluster.data)
    except ProgramFailed:
        return None
    checkpoint, timeline = _CHECKPOINT.search(printed), _TIMELINE.search(printed)
    if not checkpoint or not timeline:
        return None
    start = parse_lsn(checkpoint[1]) if int(timeline[1]) == one.timeline else one.fork
    lines = _waldump(cluster, one, start, None)
    found = _RECORD.search(lines[-1]) if lines else None
    return record_after(lines[-1], parse_lsn(found[2]), int(found[1]), one) if lines and found else start


def record_after(line: str, position: int, length: int, one: Incarnation) -> int:
    """Where the record that ``line`` of PostgreSQL's reader tells of ends, with all that it is filled up with."""
    if _SWITCH.search(line):
        return one.segments.ceiling(position + length)
    return next_record(after(position, length, one.segments.size), one.segments.size)


def killed_end(catalogue: Catalogue, cluster: Cluster, one: Incarnation) -> int | None:
    """Where the log of a database that was killed ends: where its last record does, or as far as its files hold, byte
    for byte, what the mirror has. None if it cannot be read. Raises DriveError.

    What was shipped last may be a part of a record. A database that was set back to an earlier copy
    of itself does not hold it.
    """
    end = crashed_end(cluster, one)
    shipped = max((name for name in catalogue.wal(one) if name.timeline == one.timeline), key=lambda name: name.end,
                  default=None)  # fmt: skip
    if end is None or shipped is None or shipped.end <= end:
        return end
    found = read_range(catalogue, one, shipped)
    try:
        here = read_log(cluster.data, one, shipped.start, shipped.end)
    except LogGone:
        return end
    return shipped.end if found is not None and found[1] == here else end


def commits(cluster: Cluster, one: Incarnation, start: int, end: int) -> int | None:
    """How many transactions were committed between two positions; None if that part of the log is gone."""
    lines = _waldump(cluster, one, start, end, "--rmgr=Transaction")
    return sum(1 for line in lines if _COMMIT.search(line)) if lines is not None else None


def _waldump(cluster: Cluster, one: Incarnation, start: int, end: int | None, *more: str) -> list[str] | None:
    bounds = [f"--start={format_lsn(start)}", *([f"--end={format_lsn(end)}"] if end else [])]
    command = [
        str(cluster.programs.path("pg_waldump")), f"--path={cluster.data / 'pg_wal'}", f"--timeline={one.timeline}",
        *bounds, *more,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=READ_SECONDS,
        env={"LC_ALL": "C"},
        check=False,
    )
    reached_end = done.returncode == 0 or "error in WAL record" in done.stderr or "invalid" in done.stderr
    return done.stdout.splitlines() if reached_end or done.stdout else None
