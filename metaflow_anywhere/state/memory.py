"""What this machine last knew of a root, kept outside of it: by that, a root that is not mounted, emptied or set back
is noticed."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from metaflow_anywhere.modes import write_private
from metaflow_anywhere.state.layout import IncarnationName
from metaflow_anywhere.state.verdict import Memory


def read_memory(path: Path) -> Memory | None:
    """What ``path`` says; None if there is nothing."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(path.read_text())
        name = IncarnationName.parse(found["incarnation"])
        return Memory(name, int(found["position"]), float(found["time"])) if name else None
    return None


def write_memory(path: Path, memory: Memory) -> None:
    """Remember; a full local disk must stop nothing."""
    half = path.with_name(f".{path.name}.new")
    with contextlib.suppress(OSError):
        told = {"incarnation": str(memory.incarnation), "position": memory.position, "time": memory.time}
        write_private(half, json.dumps(told))
        half.replace(path)
