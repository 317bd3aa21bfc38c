"""The status of a stack as a table for people."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from metaflow_anywhere.hints import command
from metaflow_anywhere.stack.healing import read_healing
from metaflow_anywhere.stack.questions import duration, saved
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.stack.status import UNSUPERVISED, ProgramStatus
from metaflow_anywhere.state.moments import clock
from metaflow_anywhere.state.standing import Standing, read_standing
from metaflow_anywhere.terminal import styled

HEAD = ("program", "state", "address", "pid", "memory", "uptime", "answer")
RIGHT = HEAD[3:]
STYLES = {"up": "green", "down": "dim", "restarting": "yellow"}
ENDED = ("stopped", "fenced")
MIB = 1024 * 1024


def show(stack: Stack, found: Sequence[ProgramStatus]) -> None:
    """Print one line a program, then where the state is and what to do next."""
    rows = [HEAD, *(_row(stack, one) for one in found)]
    widths = [max(len(row[number]) for row in rows) for number in range(len(HEAD))]
    for number, row in enumerate(rows):
        sides = [">" if name in RIGHT else "<" for name in HEAD]
        cells = [f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)]
        if number:
            cells[1] = styled(cells[1], STYLES.get(row[1], "bold red"), sys.stdout)
        print("  ".join(cells).rstrip())
    if any(one.pid for one in found):
        print(f"sockets are in {stack.sockets}")
    for one in found:
        if one.detail and (not one.healthy or "watchdog" in one.detail):
            print(f"{one.program}: {one.detail}")
    standing = read_standing(stack.standing_file)
    if standing:
        show_mirror(standing, stack.drive.root)
    healing = read_healing(stack.healing_file)
    if healing and not healing.alive and any(one.pid for one in found):
        print(f"watchdog: no sign of it for {duration(time.time() - healing.beat)}; to mend it: {command('up')}")
    total = sum(one.memory or 0 for one in found)
    if all(one.healthy for one in found):
        print(f"\n{stack.settings.ui_ext_url}/   {total / MIB:.0f} MB in all   state in {stack.settings.root}")
    elif any(one.state == UNSUPERVISED for one in found):
        print(f"\nthe supervisor is gone, and what it left runs on; to have it looked after again: {command('up')}")
    elif standing and drive_alone_fails(found, standing):
        print(f"\nall else is up; the mirror catches up by itself once that is mended; to look: {command('doctor')}")
    elif any(one.pid for one in found):
        print(f"\nnot healthy; to mend it: {command('up')}   to look closer: {command('doctor')}, {command('logs')}")
    else:
        down = f"\nthe stack of {stack.settings.root} is down; to bring it up: {command('up')}"
        print(down)


def drive_alone_fails(found: Sequence[ProgramStatus], standing: Standing) -> bool:
    """Whether all is well but the drive that root is on, or how fast it takes what is written."""
    ill = [one.program for one in found if not one.healthy]
    return ill == ["sync"] and standing.alive and standing.state not in ("current", *ENDED) and bool(standing.problem)


def _row(stack: Stack, one: ProgramStatus) -> Sequence[str]:
    """The cells of one program, as in HEAD."""
    return (
        one.program,
        one.state,
        _short(stack, one.address),
        "" if one.pid is None else str(one.pid),
        "" if one.memory is None else f"{one.memory / MIB:.0f} MB",
        "" if one.uptime is None else duration(one.uptime),
        "" if one.answer_ms is None else f"{one.answer_ms:.0f} ms",
    )


def _short(stack: Stack, address: str) -> str:
    """A socket by its name alone: where all of them are is told once."""
    return address.rpartition("/")[2] if address.startswith(str(stack.sockets)) else address


def show_mirror(standing: Standing, folder: Path) -> None:
    """What of the state is saved in ``folder``, and since when it is not if it is not; a line on each thing."""
    print()
    for name, text in mirror_lines(standing, folder):
        print(f"{name:<8}{text}")


def mirror_lines(standing: Standing, folder: Path) -> Iterator[tuple[str, str]]:
    """A word on what each line is about, and the line."""
    gone = not standing.alive and standing.state not in ENDED
    if gone:
        yield "mirror", f"its program is gone; it was {standing.state} {duration(time.time() - standing.beat)} ago"
    elif standing.state == "current":
        rates = f"{standing.files_per_minute:.0f} files, {standing.bytes_per_minute / MIB:.2f} MB in the last minute"
        yield "mirror", f"{saved(standing)}; {rates}, to {folder}"
    else:
        yield "mirror", trouble(standing)
    if gone or standing.state != "current":
        yield "", f"{'last ' if standing.last_saved else ''}{saved(standing)}{waiting(standing, gone=gone)}"
    if base := standing.newest_base:
        yield "base", f"verified {clock(base['time'])}, {base['bytes'] / MIB:.1f} MB"
    else:
        yield "base", f"none yet{': ' + standing.base_problem if standing.base_problem else ''}"
    for number, text in enumerate(standing.aside):
        yield "" if number else "beside", text.removeprefix("beside the newest state: ")
    if standing.files and standing.alive:
        yield from files_lines(standing.files)
    yield (
        "lease",
        f"{standing.host} may write to this mirror (incarnation {standing.incarnation})"
        + (", but has lost that" if standing.state == "fenced" else ""),
    )


def waiting(standing: Standing, *, gone: bool) -> str:
    """What is on this machine only, as far as that is known."""
    if gone:
        return "; what was committed since then is on this machine only"
    if not standing.behind_bytes:
        return ""
    when = "waited on this machine when it stopped" if standing.state == "stopped" else "wait on this machine"
    return f"; {weight(standing.behind_bytes)} of log {when}"


def weight(bytes_: int) -> str:
    """Bytes in a unit in which they are not nothing."""
    return f"{bytes_ / MIB:.1f} MB" if bytes_ >= MIB / 10 else f"{max(1, round(bytes_ / 1024))} kB"


def trouble(standing: Standing) -> str:
    """Since when the mirror is not as it should be, and why."""
    word = {"stopped": "stopped {} ago", "fenced": "taken over {} ago"}.get(
        standing.state, f"{standing.state} for {{}}"
    )
    why = f": {standing.problem}" if standing.problem else ""
    return word.format(duration(time.time() - standing.since)) + why


def files_lines(files: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """How the copy of what is written outside of root stands."""
    source, target, left = files["source"], files["target"], files["left"]
    if files["problem"]:
        yield "files", f"not copied for {duration(time.time() - files['since'])}: {files['problem']}"
        yield "", f"{left:,} of {source} wait" if left else f"from {source}"
    elif files.get("wanted"):
        yield "files", f"{files['wanted']:,} of {target} are on their way to {source}"
    elif files["until"] is None:
        yield "files", f"{source} is being compared with {target}"
    elif left:
        yield "files", f"{left:,} of {source} are on their way to {target}"
    else:
        yield "files", f"all of {source} is in {target}"
    if files["blind"]:
        yield "", f"looked for now and then: {files['blind']}"
