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

NAMES = ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER")  # where Metaflow looks for the user's name
# The last lines of a notebook's cell. A cell that failed is noticed; a line that was printed may not be.
NOTICE = """import os, sys
_config = sys.modules.get("metaflow.metaflow_config")
if _config and _config.SERVICE_URL != os.environ["METAFLOW_SERVICE_URL"]:
    raise RuntimeError("Metaflow was imported before these settings, and goes on without them. "
                       "Restart the kernel, and run this cell first.")"""
PROXY_VARIABLES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def client_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that point a client at the stack. Who runs a flow is not among them: that is each user's own.

    Where ``environ`` names an HTTP proxy, loopback is taken out of its reach: the client would ask it for our address.
    """
    found = {
        "METAFLOW_DEFAULT_METADATA": "service",
        "METAFLOW_SERVICE_URL": settings.ui_ext_url + SERVICE_PREFIX,
        "METAFLOW_DEFAULT_DATASTORE": "local",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(settings.datastore_dir),
        "METAFLOW_CARD_LOCALROOT": str(card_folder(settings.datastore_dir)),
        "METAFLOW_CLIENT_CACHE_PATH": str(settings.client_cache),
        "METAFLOW_UI_URL": settings.ui_ext_url,  # a flow prints where it can be seen
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
    """For a notebook cell; IPython takes everything after the equals sign literally.

    Metaflow reads them when it is imported: a notebook that did so before would go on with what it had, without a word.
    """
    lines = [f"%env {name}={value}" for name, value in variables.items()]
    return "\n".join([*lines, NOTICE])


def run_environment(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The shell's environment with the client's variables on top.

    Our own Python's folder is the last on the path: for whoever has no ``python``, or none with Metaflow, active. A
    name is given where one was chosen for this stack, and where Metaflow would refuse to run: root has none.
    """
    shell = shell_environment() if environ is None else environ
    path = os.pathsep.join([shell.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    chosen = not settings.is_default("client_user")
    nameless = all(shell.get(name) in (None, "", "root") for name in NAMES)
    user = {"METAFLOW_USER": settings.client_user} if chosen or nameless else {}
    return {**shell, "PATH": path, **client_environment(settings, shell), **user}
