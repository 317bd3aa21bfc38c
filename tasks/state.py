"""Stages of the state that survives: the mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.common import stage
from tasks.database import start_db

if TYPE_CHECKING:
    from metaflow_anywhere.graph import Stage
    from metaflow_anywhere.stack import Stack


@stage(needs=[start_db])
def sync(stack: Stack) -> Stage:
    """Stage: the mirror of the database in root."""
    from metaflow_anywhere.stack import stages

    return stages.Sync(stack)
