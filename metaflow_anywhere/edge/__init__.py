"""The one door: what the proxy serves under which path. Knows ports and paths, nothing of stages."""

from metaflow_anywhere.edge.caddy import (
    IDENTITY_PATH,
    PAGE_PREFIX,
    SERVICE_PREFIX,
    STATUS_PATH,
    UI_PREFIX,
    caddy_program,
    caddyfile,
)

__all__ = [
    "IDENTITY_PATH", "PAGE_PREFIX", "SERVICE_PREFIX", "STATUS_PATH", "UI_PREFIX", "caddy_program", "caddyfile",
]  # fmt: skip
