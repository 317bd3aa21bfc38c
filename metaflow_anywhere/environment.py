"""What of the user's shell reaches whom: each program what it needs, libpq in our own process nothing.

A shell holds keys of clouds, settings of other databases, and modes for other files; none of it is meant for a stack.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, MutableMapping

# What finds programs and files, and what our own interpreter needs to find the same modules and libraries again.
NEEDED = ("PATH", "HOME", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")
# Logs, files and what our programs tell each other are UTF-8, whatever the terminal is.
TEXT = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
LIBPQ_PREFIX = "PG"  # of every variable that libpq reads (https://www.postgresql.org/docs/current/libpq-envars.html)
OUR_PG_VARIABLES = ("PGDATA_DIR",)
PRIVATE_UMASK = 0o077  # what others may see is opened by whoever makes it
USUAL_UMASK = 0o022

_shell: dict[str, object] = {}


def program_environment(environ: Mapping[str, str], keep: Iterable[str] = ()) -> dict[str, str]:
    """What a program of ours is given of ``environ``: NEEDED, and those named in ``keep``."""
    return {**{name: environ[name] for name in (*NEEDED, *keep) if name in environ}, **TEXT}


def bare_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a PostgreSQL program, which may run as another account, may know: a path and a neutral locale."""
    return {"PATH": environ.get("PATH", os.defpath), "LC_ALL": "C", "LANG": "C", "TZ": "UTC", "HOME": "/"}


def leave_shell_behind(environ: MutableMapping[str, str] | None = None) -> None:
    """For the command line, before anything else: what we connect to and write is not for the user's shell to change.

    Takes libpq's variables out of ``environ`` (of this process, if left out), and makes new files private.
    ``shell_environment`` and ``shell_umask`` tell what was there, for commands that run the user's own programs.
    """
    environ = os.environ if environ is None else environ
    if "environment" not in _shell:
        _shell["environment"] = dict(environ)
        _shell["umask"] = os.umask(PRIVATE_UMASK)
    for name in list(environ):
        if name.startswith(LIBPQ_PREFIX) and name not in OUR_PG_VARIABLES:
            del environ[name]


def shell_environment() -> dict[str, str]:
    """The environment as the user's shell gave it to us."""
    found = _shell.get("environment")
    return dict(found) if isinstance(found, dict) else dict(os.environ)


def shell_umask() -> int:
    """The umask as the user's shell gave it to us."""
    found = _shell.get("umask")
    return found if isinstance(found, int) else USUAL_UMASK
