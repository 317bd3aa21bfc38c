"""Metaflow's profiles: files below ``~/.metaflowconfig`` that every client reads, wherever it was started from.

Variables of the environment win over a profile; METAFLOW_PROFILE says which one counts, ``config.json`` without it.
A profile that this program did not write is somebody's own, and is never written to.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.hints import again, command
from metaflow_anywhere.modes import OPEN_FOLDER, make_folder, write_private
from metaflow_anywhere.settings import Settings
from metaflow_anywhere.stack.client import client_environment

NAME = "anywhere"
GOOD_NAME = re.compile(r"(\w[\w.-]*)?", re.ASCII)  # empty: the one that counts where none is named
MARK = "METAFLOW_ANYWHERE_ROOT"  # in a profile of ours: of which root. Metaflow ignores what it does not know


@dataclass(frozen=True)
class Profile:
    """A profile as it is on disk: ``root`` is that of the stack it was written for, None if it is somebody's own."""

    path: Path
    values: Mapping[str, str]
    root: Path | None

    @property
    def exists(self) -> bool:
        """Whether Metaflow would find it."""
        return self.path.exists()


def folder(environ: Mapping[str, str]) -> Path:
    """Where Metaflow looks for profiles (it too leaves the name as it is for users without a home)."""
    return Path(os.path.expanduser(environ.get("METAFLOW_HOME") or "~/.metaflowconfig"))  # noqa: PTH111


def path_of(name: str, environ: Mapping[str, str]) -> Path:
    """The file of the profile ``name``; the one that counts when none is named has an empty name."""
    return folder(environ) / (f"config_{name}.json" if name else "config.json")


def read(path: Path) -> Profile:
    """The profile at ``path``, be it there or not."""
    found: object = None
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
    values = {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
    return Profile(path, values, Path(values[MARK]) if MARK in values else None)


def wanted(settings: Settings) -> dict[str, str]:
    """What a profile for this stack says. (What keeps loopback from an HTTP proxy is for the environment only.)"""
    variables = client_environment(settings, {})
    return {**{name: value for name, value in variables.items() if name.startswith("METAFLOW_")},
            MARK: str(settings.root)}  # fmt: skip


def write(settings: Settings, name: str, environ: Mapping[str, str], *, replace: bool = False) -> Profile:
    """Write the profile ``name`` for this stack. ``replace``: also over one of ours for another root.

    Raises AnywhereError where the profile is somebody's own, or another root's.
    """
    if not GOOD_NAME.fullmatch(name):
        raise AnywhereError(
            f"'{name}' is no name of a profile", why="it is part of a file's name: letters, digits, and - _ . within",
            run=command("configure", name=re.sub(r"[^\w.-]+|^[.-]+", "", name, flags=re.ASCII) or NAME),
        )  # fmt: skip
    path = path_of(name, environ)
    there = read(path)
    if there.exists and there.root is None:
        raise AnywhereError(
            f"{path} is somebody's own profile", why="it was not written by this program, and is left as it is",
            run=command("configure", name="another-name"),
        )  # fmt: skip
    if there.root not in (None, settings.root) and not replace:
        raise AnywhereError(
            f"{path} is the profile of another stack", why=f"it was written for {there.root}",
            run=f"{again('--replace')}   (or give it another name: {command('configure', name='another-name')})",
        )  # fmt: skip
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        make_folder(path.parent, OPEN_FOLDER)
        write_private(half, json.dumps(wanted(settings), indent=2) + "\n")
        half.replace(path)
    except OSError as error:
        raise AnywhereError("the profile cannot be written", why=reason(error)) from error
    return read(path)


def ours(settings: Settings, environ: Mapping[str, str]) -> list[Profile]:
    """The profiles that were written for this stack's root."""
    with contextlib.suppress(OSError):
        found = [read(path) for path in sorted(folder(environ).glob("config*.json"))]
        return [one for one in found if one.root == settings.root]
    return []


def refresh(settings: Settings, environ: Mapping[str, str]) -> list[Path]:
    """Write those of ``ours`` anew that do not say what is so now; returns which. Raises AnywhereError."""
    stale = [one for one in ours(settings, environ) if one.values != wanted(settings)]
    for one in stale:
        name = one.path.stem.removeprefix("config").removeprefix("_")
        write(settings, name, environ)
    return [one.path for one in stale]
