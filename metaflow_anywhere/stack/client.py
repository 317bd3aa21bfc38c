"""What a Metaflow client has to be told to use a stack, in the forms that shells, notebooks and programs take."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from metaflow_anywhere.edge import SERVICE_PREFIX
from metaflow_anywhere.environment import shell_environment
from metaflow_anywhere.settings import Settings
from metaflow_anywhere.stack.cards import card_folder

PROXY_VARIABLES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def client_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that point a client at the stack.

    Where ``environ`` names an HTTP proxy, loopback is taken out of its reach: the client would ask it for our address.
    """
    found = {
        "METAFLOW_DEFAULT_METADATA": "service",
        "METAFLOW_SERVICE_URL": settings.ui_ext_url + SERVICE_PREFIX,
        "METAFLOW_DEFAULT_DATASTORE": "local",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(settings.datastore_dir),
        "METAFLOW_CARD_LOCALROOT": str(card_folder(settings.datastore_dir)),
        "METAFLOW_CLIENT_CACHE_PATH": str(settings.client_cache),
        "METAFLOW_USER": settings.client_user,
    }
    if any(environ.get(name) for name in PROXY_VARIABLES):
        known = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
        hosts = [host for host in known.split(",") if host] + ["127.0.0.1", "localhost"]
        found["NO_PROXY"] = found["no_proxy"] = ",".join(dict.fromkeys(hosts))
    return found


def as_exports(variables: Mapping[str, str]) -> str:
    """For ``eval "$(...)"`` in a POSIX shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def as_json(variables: Mapping[str, str]) -> str:
    """For programs."""
    return json.dumps(dict(variables), indent=2)


def as_notebook(variables: Mapping[str, str]) -> str:
    """For a notebook cell; IPython takes everything after the equals sign literally."""
    return "\n".join(f"%env {name}={value}" for name, value in variables.items())


def run_environment(settings: Settings) -> dict[str, str]:
    """The shell's environment with the client's variables on top.

    Our own Python's folder is the last on the path: for whoever has no ``python``, or none with Metaflow, active.
    """
    shell = shell_environment()
    path = os.pathsep.join([shell.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    return {**shell, "PATH": path, **client_environment(settings, shell)}
