"""A `down` that is run while other commands are at work ends them too, and all they began: whoever would start
something looks here first, under the supervisor's lock; `down` notes itself here before it takes that lock.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from metaflow_anywhere.errors import Overtaken
from metaflow_anywhere.hints import command
from metaflow_anywhere.modes import touch_private

RECORD = "taken-down"  # a file in the stack's folder whose time tells when
COMMAND_BEGAN = time.time()  # of this process, in seconds of the epoch


def note_taken_down(folder: Path) -> None:
    """Note that `down` is at work on the stack in ``folder``, for the commands that are at work too."""
    with contextlib.suppress(OSError):
        touch_private(folder / RECORD)


def taken_down_since(folder: Path, moment: float) -> bool:
    """Whether `down` was at work after ``moment``, in seconds of the epoch."""
    with contextlib.suppress(OSError):
        return (folder / RECORD).stat().st_mtime > moment
    return False


def yield_to_down(folder: Path, since: float) -> None:
    """Raise Overtaken if `down` was at work after ``since``."""
    if taken_down_since(folder, since):
        raise overtaken()


def overtaken() -> Overtaken:
    """What is told of a command that `down` stopped."""
    return Overtaken("`down` was run while this was at work, and stopped it", run=command("up"))
