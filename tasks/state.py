"""Stages of the state that survives: the mirror."""

from metaflow_anywhere.graph import Stage
from metaflow_anywhere.stack import Stack, stages
from tasks.common import stage
from tasks.database import start_db


@stage(needs=[start_db])
def sync(stack: Stack) -> Stage:
    """Stage: the mirror of the database in root."""
    return stages.Sync(stack)
