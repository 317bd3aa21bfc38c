"""The status of a stack as a table for people."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from metaflow_anywhere.stack.questions import saved
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.stack.status import ProgramStatus
from metaflow_anywhere.state.recovery import clock
from metaflow_anywhere.state.standing import Standing, read_standing

STYLES = {"up": "green", "down": "dim", "restarting": "yellow"}
MIB = 1024 * 1024


def show(stack: Stack, found: Sequence[ProgramStatus]) -> None:
    """Print one line a program, then where the state is and what to do next."""
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("program", "state", "address"):
        table.add_column(name, no_wrap=True)
    for name in ("pid", "memory", "uptime", "answer"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        table.add_row(
            one.program,
            Text(one.state, style=STYLES.get(one.state, "bold red")),
            one.address,
            "" if one.pid is None else str(one.pid),
            "" if one.memory is None else f"{one.memory / MIB:.0f} MB",
            "" if one.uptime is None else duration(one.uptime),
            "" if one.answer_ms is None else f"{one.answer_ms:.0f} ms",
        )
    console.print(table)
    for one in found:
        if not one.healthy and one.detail:
            console.print(f"{one.program}: {one.detail}", markup=False, soft_wrap=True)
    if standing := read_standing(stack.standing_file):
        show_mirror(console, standing)
    total = sum(one.memory or 0 for one in found)
    if all(one.healthy for one in found):
        console.print(
            f"\n{stack.settings.ui_ext_url}/   {total / MIB:.0f} MB in all   state in {stack.settings.root}",
            soft_wrap=True,
        )
    elif any(one.pid for one in found):
        console.print("\nnot healthy; to mend it: invoke up   to look closer: invoke doctor, invoke logs")
    else:
        console.print(f"\nthe stack of {stack.settings.root} is down; to bring it up: invoke up", soft_wrap=True)


def show_mirror(console: Console, standing: Standing) -> None:
    """One line on what is saved, and since when it is not if it is not."""
    parts = [saved(standing)] if standing.alive else ["nobody keeps it now"]
    if standing.alive and standing.state != "current":
        parts.insert(0, f"{standing.state} for {duration(time.time() - standing.since)}")
    if standing.behind_bytes:
        parts.append(f"{standing.behind_bytes / MIB:.1f} MB behind")
    if base := standing.newest_base:
        parts.append(f"base of {clock(base['time'])}, {base['bytes'] / MIB:.1f} MB")
    if standing.files_per_minute:
        parts.append(f"{standing.files_per_minute:.0f} files and {standing.bytes_per_minute / MIB:.2f} MB a minute")
    parts.append(f"incarnation {standing.incarnation} of {standing.host}")
    console.print(f"\nmirror: {'; '.join(parts)}", markup=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """Two units are enough: 45 s, 3 min 20 s, 5 h 10 min, 12 d 4 h."""
    whole = int(seconds)
    for name, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // part} {smaller}"
    return f"{whole} s"
