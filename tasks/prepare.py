"""Stages that fetch what the udocker runtime runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import stage

if TYPE_CHECKING:
    from metaflow_anywhere.graph import Stage
    from metaflow_anywhere.stack import Stack


@stage()
def fetch_udocker(stack: Stack) -> Stage:
    """Stage: udocker and its engine (udocker runtime only)."""
    from metaflow_anywhere.stack import stages

    return stages.FetchUdocker(stack)


@stage(needs=[fetch_udocker])
def pull_images(stack: Stack) -> Stage:
    """Stage: images and containers (udocker runtime only)."""
    from metaflow_anywhere.stack import stages

    return stages.PullImages(stack)
