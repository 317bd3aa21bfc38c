"""Stages of the state that survives: the mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import stage
from .database import choice_of, start_db

if TYPE_CHECKING:
    from metaflow_anywhere.graph import Stage
    from metaflow_anywhere.stack import Stack


@stage(
    needs=[start_db],
    help={
        "new": "begin a mirror of the database here in a root that has none of it",
        "keep": "where two databases went on from one state: local or mirror",
    },
)
def sync(stack: Stack, new: bool = False, keep: str = "") -> Stage:
    """Stage: the mirror of the database in root."""
    from metaflow_anywhere.stack import stages

    return stages.Sync(stack, choice=choice_of(new, keep))
