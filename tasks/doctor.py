"""How the surroundings are, and what every setting is."""

import os

from invoke import Exit
from rich.console import Console
from rich.text import Text

from metaflow_anywhere.settings import rows
from metaflow_anywhere.stack import Stack
from metaflow_anywhere.stack.doctor import examine
from tasks.common import verb

MARKS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "bad": ("✗", "bold red")}


@verb()
def doctor(stack: Stack) -> None:
    """Check disks, ports, time ... and each hop to the table."""
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
    console.print("\nset by variable, in invoke.yaml below anywhere:, or with --set name=value", soft_wrap=True)
