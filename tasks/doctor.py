"""How the surroundings are, and what every setting is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from invoke import Exit

from metaflow_anywhere.settings import rows

from .common import verb

if TYPE_CHECKING:
    from metaflow_anywhere.stack import Stack

MARKS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "bad": ("✗", "bold red")}


@verb()
def doctor(stack: Stack) -> None:
    """Check disks, ports, time ... and each hop to the table."""
    from rich.console import Console
    from rich.text import Text

    from metaflow_anywhere.stack.doctor import examine

    console = Console(highlight=False)
    bad = 0
    for one in examine(stack, os.environ):
        mark, style = MARKS[one.level]
        bad += one.level == "bad"
        console.print(Text.assemble((mark, style), f" {one.subject:<15} {one.text}"), soft_wrap=True)
        if one.way_out:
            console.print(f"  {'':<15} -> {one.way_out}", markup=False, soft_wrap=True)
    if bad:
        console.print(f"\n{bad} thing{'s' if bad > 1 else ''} to mend")
        raise Exit(code=1)
    console.print("\nnothing to mend")


@verb()
def settings(stack: Stack) -> None:
    """Every setting: value, where it comes from, meaning."""
    from rich.console import Console
    from rich.text import Text

    from metaflow_anywhere import __version__
    from metaflow_anywhere.release import code_digest

    console = Console(highlight=False)
    found = rows(stack.settings)
    width = max(len(row.name) for row in found)
    for row in found:
        style = "dim" if row.origin.startswith("default") else "cyan"
        console.print(
            Text.assemble((f"{row.name:<{width}}  ", "bold"), f"{row.value}  ", (f"({row.origin})", style)),
            soft_wrap=True,
        )
        console.print(Text(f"{'':<{width}}  {row.meaning}  [{row.env}]", style="dim"), soft_wrap=True)
    console.print(f"\nmetaflow-anywhere {__version__}, code {code_digest()}", soft_wrap=True)
    console.print("set by variable, in invoke.yaml below anywhere:, or with --set name=value", soft_wrap=True)
