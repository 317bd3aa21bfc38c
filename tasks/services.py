"""Stages of the HTTP services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import stage
from .database import start_db

if TYPE_CHECKING:
    from metaflow_anywhere.graph import Stage
    from metaflow_anywhere.stack import Stack


@stage(needs=[start_db])
def start_service(stack: Stack) -> Stage:
    """Stage: the metadata service, which flows talk to."""
    from metaflow_anywhere.stack import stages

    return stages.StartService(stack)


@stage(needs=[start_db])
def start_ui(stack: Stack) -> Stage:
    """Stage: the UI backend, which Metaflow's web UI talks to."""
    from metaflow_anywhere.stack import stages

    return stages.StartUi(stack)
