"""What each root was brought up with on this machine, and which stacks of this user there are.

What a stack was brought up with stands in its own folder; the register of this user only says where such folders are,
for those whose MF_STATE_DIR is not known. Whether a stack runs is for its supervisor to say, never for these files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder, write_private
from metaflow_anywhere.settings import APPLICATION, Layer, Settings, SettingsError, resolve

RECORD = "brought-up-with.json"  # in a stack's folder
ORIGIN = "remembered from the last up"
# Where the stack is found is no part of the record; who runs a flow, and secrets, are not the stack's to remember;
# a door that was opened for debugging is closed by the next up.
NOT_REMEMBERED = frozenset({"root", "state_dir", "client_user", "database_password", "expose_inner", "origins"})


def register_folder() -> Path:
    """This user's register: a file for each stack, named by its id. Raises OSError for users without a home."""
    try:
        return platformdirs.user_state_path(APPLICATION) / "register"
    except RuntimeError as error:
        raise FileNotFoundError(2, str(error)) from None


def remember(settings: Settings) -> None:
    """Write down what the stack of ``settings`` is brought up with: whatever is not a default. Raises OSError."""
    record = settings.stack_dir / RECORD
    chosen = {
        one.name: str(getattr(settings, one.name))
        for one in dataclasses.fields(settings)
        if one.name not in NOT_REMEMBERED and not settings.is_default(one.name)
    }
    _write(record, {"root": str(settings.root), "state_dir": str(settings.state_dir), "settings": chosen})
    with contextlib.suppress(OSError):  # a home that cannot be written: the stack is found by MF_STATE_DIR only
        forget_lost()
        _write(register_folder() / settings.stack_id, {"stack_dir": str(settings.stack_dir)})


def forget(settings: Settings) -> None:
    """Take the stack of ``settings`` out of the register."""
    with contextlib.suppress(OSError):
        (register_folder() / settings.stack_id).unlink(missing_ok=True)
    (settings.stack_dir / RECORD).unlink(missing_ok=True)


def forget_lost() -> None:
    """Take stacks out of the register whose folders are gone."""
    for entry in _entries():
        if not (_stack_dir(entry) / RECORD).is_file():
            entry.unlink(missing_ok=True)


def remembered(settings: Settings) -> list[Layer]:
    """What the root of ``settings`` was brought up with; nothing if that is not known.

    Where ``settings`` name no MF_STATE_DIR, it is looked up too.
    """
    folders = [settings.stack_dir]
    if settings.is_default("state_dir"):
        entry = register_folder() / settings.stack_id
        folders = [*([_stack_dir(entry)] if entry.is_file() else []), *folders]
    for folder in folders:
        if found := _record(folder):
            return [Layer(ORIGIN, {**_still_good(found["settings"]), "state_dir": found["state_dir"]})]
    return []


def known(settings: Settings) -> Iterator[Settings]:
    """Every stack that was brought up here: below MF_STATE_DIR, and, unless that was named, in this user's register."""
    folders = sorted((settings.state_dir / "stacks").glob("*"))
    if settings.is_default("state_dir"):
        folders += [_stack_dir(entry) for entry in _entries()]
    for folder in dict.fromkeys(folders):
        found = _record(folder)
        if not found or folder.stat().st_uid != os.geteuid():
            continue
        with contextlib.suppress(SettingsError):
            layer = Layer(ORIGIN, {**_still_good(found["settings"]), "root": found["root"]})
            one = resolve([layer], {"state_dir": found["state_dir"]}, environ={})
            if one.stack_dir == folder:
                yield one


def _still_good(values: dict[str, Any]) -> dict[str, str]:
    """Those of ``values`` that this version knows and takes."""
    good = {}
    for name, value in values.items():
        with contextlib.suppress(SettingsError):
            resolve(options={"root": "/", "state_dir": "/", name: value}, environ={})
            good[name] = value
    return good


def _entries() -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(path for path in register_folder().iterdir() if not path.name.startswith("."))
    return []


def _stack_dir(entry: Path) -> Path:
    return Path(_read(entry).get("stack_dir", "/nonexistent"))


def _record(folder: Path) -> dict[str, Any] | None:
    """What was written about the stack in ``folder``; None if it is not there or not whole."""
    found = _read(folder / RECORD)
    kinds = {"root": str, "state_dir": str, "settings": dict}
    return found if all(isinstance(found.get(name), kind) for name, kind in kinds.items()) else None


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text())
        return found if isinstance(found, dict) else {}
    return {}


def _write(path: Path, document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=1)
    with contextlib.suppress(OSError):
        if path.read_text() == text:
            return
    make_folder(path.parent, PRIVATE_FOLDER, PRIVATE_FOLDER)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    write_private(half, text)
    half.replace(path)
