"""Stages of the one door: the proxy, and the tunnel to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import stage
from .services import start_service, start_ui

if TYPE_CHECKING:
    from metaflow_anywhere.graph import Stage
    from metaflow_anywhere.stack import Stack


@stage(needs=[start_service, start_ui])
def proxy(stack: Stack) -> Stage:
    """Stage: the one port, 7860: / and /service/."""
    from metaflow_anywhere.stack import stages

    return stages.StartProxy(stack)


@stage(needs=[proxy])
def tunnel(stack: Stack) -> Stage:
    """Stage: a public URL (not part of this version)."""
    from metaflow_anywhere.stack import stages

    return stages.Tunnel(stack)
