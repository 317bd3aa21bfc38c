"""Stages of the HTTP services."""

from metaflow_anywhere.graph import Stage
from metaflow_anywhere.stack import Stack, stages
from tasks.common import stage
from tasks.database import start_db


@stage(needs=[start_db])
def start_service(stack: Stack) -> Stage:
    """Stage: the metadata service, which flows talk to."""
    return stages.StartService(stack)


@stage(needs=[start_db])
def start_ui(stack: Stack) -> Stage:
    """Stage: the UI backend, which Metaflow's web UI talks to."""
    return stages.StartUi(stack)
