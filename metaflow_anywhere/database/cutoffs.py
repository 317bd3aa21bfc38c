"""After how much silence a thing counts as dead: one truth for the service and the UI backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metaflow_anywhere.database.run_status import INACTIVE_SECONDS, OLD_MILLISECONDS, TASK_SECONDS, RunStatus
from metaflow_anywhere.database.settings import whole_number

LARGEST_MILLISECONDS = 10**15
DAY_SECONDS = 86_400
VARIABLES = ("HEARTBEAT_THRESHOLD", "RUN_INACTIVE_CUTOFF_TIME", "OLD_RUN_FAILURE_CUTOFF_TIME")


@dataclass(frozen=True)
class Cutoffs:
    """Runs and tasks each have their own patience."""

    task_seconds: int = TASK_SECONDS
    run_seconds: int = INACTIVE_SECONDS
    old_milliseconds: int = OLD_MILLISECONDS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Cutoffs:
        """Read VARIABLES. Raises SettingsError."""
        task, run, old = VARIABLES
        return cls(
            task_seconds=whole_number(environment, task, default=TASK_SECONDS, low=1, high=DAY_SECONDS),
            run_seconds=whole_number(environment, run, default=INACTIVE_SECONDS, low=1, high=DAY_SECONDS),
            old_milliseconds=whole_number(environment, old, default=OLD_MILLISECONDS, low=1, high=LARGEST_MILLISECONDS),
        )

    def status(self, run: str) -> RunStatus:
        """The status of the row ``run``."""
        return RunStatus(run, self.run_seconds, self.old_milliseconds, self.task_seconds)
