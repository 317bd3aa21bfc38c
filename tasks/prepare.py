"""Stages that fetch what the udocker runtime runs."""

from metaflow_anywhere.graph import Stage
from metaflow_anywhere.stack import Stack, stages
from tasks.common import stage


@stage()
def fetch_udocker(stack: Stack) -> Stage:
    """Stage: udocker and its engine (udocker runtime only)."""
    return stages.FetchUdocker(stack)


@stage(needs=[fetch_udocker])
def pull_images(stack: Stack) -> Stage:
    """Stage: images and containers (udocker runtime only)."""
    return stages.PullImages(stack)
