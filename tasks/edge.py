"""Stages of the one door: the proxy, and the tunnel to it."""

from metaflow_anywhere.graph import Stage
from metaflow_anywhere.stack import Stack, stages
from tasks.common import stage
from tasks.services import start_service, start_ui


@stage(needs=[start_service, start_ui])
def proxy(stack: Stack) -> Stage:
    """Stage: the one port, 7860: / and /service/."""
    return stages.StartProxy(stack)


@stage(needs=[proxy])
def tunnel(stack: Stack) -> Stage:
    """Stage: a public URL (not part of this version)."""
    return stages.Tunnel(stack)
