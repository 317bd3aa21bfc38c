"""The random name of a stack on its machine. It tells nothing of root: whoever may ask the proxy is told it."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from metaflow_anywhere.modes import write_private

NAME_BYTES = 8


def kept_name(file: Path) -> str:
    """The name that ``file`` holds; made when it is first asked for."""
    with contextlib.suppress(FileNotFoundError):
        return file.read_text().strip()
    half = file.with_name(f".{file.name}.{os.getpid()}")
    write_private(half, secrets.token_hex(NAME_BYTES))
    try:
        file.hardlink_to(half)
    except FileExistsError:  # another command was quicker: its name counts
        pass
    except OSError:  # a file system without links
        half.replace(file)
    half.unlink(missing_ok=True)
    return file.read_text().strip()
