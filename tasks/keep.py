"""Verbs for states that are kept: snapshots, restore drills, and portable files."""

from __future__ import annotations

import json as json_format
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import again, command, elsewhere

from .common import verb

if TYPE_CHECKING:
    from metaflow_anywhere.stack import Stack

MIB = 1024 * 1024


@verb(help={"name": "how to call it; the time if left out"})
def snapshot(stack: Stack, name: str = "") -> None:
    """Keep the database as it is now, under a name."""
    from metaflow_anywhere.stack import keeping

    done = keeping.take(stack, name or None)
    print(f"snapshot {done.name}: {done.rows:,} rows, {measured(done.bytes)}, in {stack.drive.root / done.folder}")


@verb(help={"json": "for scripts"})
def snapshots(stack: Stack, json: bool = False) -> None:
    """List what was kept."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from metaflow_anywhere.stack import keeping
    from metaflow_anywhere.stack.questions import duration
    from metaflow_anywhere.state.moments import clock

    found, beside = keeping.listed(stack), keeping.aside(stack)
    if json:
        print(json_format.dumps([{**asdict(one), "rows": one.rows} for one in found], indent=2))
        return
    console = Console(highlight=False)
    for other in beside:
        console.print(str(other), markup=False, soft_wrap=True)
    if not found:
        console.print(f"no snapshots yet; to take one: {command('snapshot', name='NAME')}")
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("name", "taken", "size", "rows", "from", "verified"):
        side: Literal["left", "right"] = "right" if title in ("size", "rows") else "left"
        table.add_column(title, justify=side, no_wrap=title != "from", overflow="fold")
    for one in found:
        ago = f"{duration(time.time() - one.verified)} ago" if one.verified else "not yet"
        state = Text("damaged", style="bold red") if one.damage else Text(ago)
        minute = clock(one.time).rpartition(":")[0]
        table.add_row(Text(one.name), minute, f"{measured(one.bytes)}", f"{one.rows:,}", Text(one.host), state)
    console.print(table)
    for one in found:
        for damage in one.damage:
            console.print(f"damaged: {damage}", markup=False, soft_wrap=True)


@verb(positional=["name"], help={"name": "a snapshot; the newest state of the mirror if left out"})
def snapshot_verify(stack: Stack, name: str = "") -> None:
    """Restore it beside the database, check, throw away."""
    from rich.console import Console

    from metaflow_anywhere.graph import Progress
    from metaflow_anywhere.stack import keeping

    console = Console(highlight=False)
    done = keeping.verify(stack, name or None, Progress(lambda text: console.print(text, markup=False, soft_wrap=True)))
    for line in done.lines:
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"it can be restored ({done.seconds:.1f} s)")


@verb(positional=["name"], help={"name": "the snapshot"})
def snapshot_delete(stack: Stack, name: str) -> None:
    """Delete a snapshot."""
    from metaflow_anywhere.stack import keeping
    from metaflow_anywhere.state.moments import clock

    done = keeping.delete(stack, name)
    print(f"snapshot {done.name} of {clock(done.time)} is deleted")


@verb(positional=["file"], help={"file": "what to write", "replace": "also over a file that is there"})
def export(stack: Stack, file: str, replace: bool = False) -> None:
    """Write the database to one portable file."""
    from metaflow_anywhere.stack import keeping

    path = whole(file)
    if path.exists() and not replace:
        raise AnywhereError(f"{path} is there already", why="it is not overwritten unasked", run=again("--replace"))
    size = keeping.write_file(stack, path)
    print(f"{path}: {measured(size)}; to bring it in elsewhere: {elsewhere('import', path.name)}")


@verb(
    positional=["file"],
    help={"file": "an export, or a dump of an official service", "replace": "move the database that is here aside"},
)
def import_(stack: Stack, file: str, replace: bool = False) -> None:
    """Make a file this stack's database (the stack is down)."""
    from rich.console import Console

    from metaflow_anywhere.graph import Progress
    from metaflow_anywhere.stack import keeping

    console = Console(highlight=False)
    progress = Progress(lambda text: console.print(text, markup=False, soft_wrap=True))
    done = keeping.read_file(stack, whole(file), progress, replace=replace)
    told = ", ".join(f"{done.rows.get(f'public.{table}_v3', 0):,} {table}" for table in ("flows", "runs", "tasks"))
    console.print(f"{told} came in; next: {command('up')}")
    if done.aside:
        console.print(f"the database that was here is kept in {done.aside}", soft_wrap=True)


def measured(size: int) -> str:
    """A size as people say it."""
    return f"{size / MIB:.1f} MB" if size >= MIB / 10 else f"{size / 1024:.1f} kB"


def whole(file: str) -> Path:
    """A path as the user means it."""
    return Path(file).expanduser().absolute()
