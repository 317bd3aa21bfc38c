"""Tells a database whose own files are damaged from one that only cannot start here and now, and names the way out."""

from __future__ import annotations

import re
import time
from pathlib import Path

from metaflow_anywhere.errors import AnywhereError, last_lines
from metaflow_anywhere.hints import command
from metaflow_anywhere.stack.stack import Stack

LOOKED_AT_LINES = 300  # each client that is refused meanwhile adds some
# PostgreSQL's words for files that are not as it left them, and for what else ends a start (disk, rights, memory).
DAMAGE = re.compile(
    r"(FATAL|PANIC):.*(checkpoint record|could not (read|open|access|find|locate)|invalid|incorrect|corrupt|checksum"
    r"|incompatible|wrong|unexpected)|(ERROR|WARNING):.*(invalid page|page verification failed|checksum)"
)
SURROUNDINGS = re.compile(r"space|[Pp]ermission|ownership|memory|[Tt]oo many|quota|configuration|parameter|lock file")


def explained(stack: Stack, error: Exception, log: Path, since: float) -> Exception:
    """``error``, of a stage that needs the database's files and began at ``since`` (epoch, s); where they are damaged,
    with the way back to the mirror."""
    if not stack.data_exists or (isinstance(error, AnywhereError) and error.run and _is_whole(stack)):
        return error
    why = _damage(stack, error, log, since)
    if not why:
        return error
    way = f"{command('down')}; {command('restore-snapshot', replace=True)} && {command('up')}"
    return AnywhereError(
        f"the database's files in {stack.settings.pgdata_dir} are damaged",
        why=why,
        log=log,
        run=f"{way}   (the newest state of the mirror, which says what it lacks; the files here are kept aside)",
    )


def _is_whole(stack: Stack) -> bool:
    """Whether what makes a folder a cluster is there."""
    return (stack.settings.pgdata_dir / "PG_VERSION").is_file()


def _damage(stack: Stack, error: Exception, log: Path, since: float) -> str:
    """What is damaged, in PostgreSQL's or the system's words; empty if nothing says so."""
    data = stack.settings.pgdata_dir
    if not _is_whole(stack):
        return f"{data}/PG_VERSION is missing"
    if isinstance(error, FileNotFoundError) and str(error.filename or "").startswith(f"{data}/"):
        return f"{error.filename} is missing"
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(since))  # as PostgreSQL's own lines begin
    said = [line for line in last_lines(log, LOOKED_AT_LINES) if line >= began]
    found = [line for line in said if DAMAGE.search(line) and not SURROUNDINGS.search(line)]
    return found[-1].partition(":  ")[2] if found else ""
