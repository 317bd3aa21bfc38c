# ruff: noqa: S608  # constants of ours
"""Whether a run is running, completed or failed, when it finished and how long it took: the one place that knows.

Nothing in the database says so: it follows from what the tasks of the step ``end`` left in their metadata, and from the
run's last sign of life.
"""

from __future__ import annotations

from dataclasses import dataclass

STATUSES = frozenset({"running", "completed", "failed"})
INACTIVE_SECONDS = 360  # a run without a sign of life for longer is taken for dead (RUN_INACTIVE_CUTOFF_TIME)
OLD_MILLISECONDS = 86_400_000  # one that never gave any stops counting its duration (OLD_RUN_FAILURE_CUTOFF_TIME)


@dataclass(frozen=True)
class RunStatus:
    """SQL about the row ``run`` (a table's name or alias in FROM) of ``runs_v3``.

    `joins` belongs after it in the FROM clause, and makes neither more nor fewer rows; the other properties are
    expressions. `finished_at` and `duration` are in milliseconds, and null while there is none.
    """

    run: str = "runs_v3"
    inactive_seconds: int = INACTIVE_SECONDS
    old_milliseconds: int = OLD_MILLISECONDS

    @property
    def joins(self) -> str:
        """The newest outcome of step ``end``, and the newest attempt at it."""
        return f"""
            LEFT JOIN LATERAL ({self._newest_of_end("attempt_ok")}) AS outcome ON true
            LEFT JOIN LATERAL ({self._newest_of_end("attempt")}) AS retry ON lower(outcome.value) <> 'true'"""

    def _newest_of_end(self, field: str) -> str:
        return f"""SELECT value, ts_epoch FROM metadata_v3
            WHERE flow_id = {self.run}.flow_id AND run_number = {self.run}.run_number
                AND step_name = 'end' AND field_name = '{field}'
            ORDER BY ts_epoch DESC, id DESC LIMIT 1"""

    @property
    def _retrying(self) -> str:
        return "outcome.ts_epoch < retry.ts_epoch"

    @property
    def _beating(self) -> str:
        now = "extract(epoch FROM statement_timestamp())"
        return f"abs({now} - {self.run}.last_heartbeat_ts) <= {self.inactive_seconds}"

    @property
    def status(self) -> str:
        """One of STATUSES."""
        return f"""CASE
            WHEN {self._retrying} THEN 'running'
            WHEN lower(outcome.value) = 'true' THEN 'completed'
            WHEN outcome.value IS NOT NULL THEN 'failed'
            WHEN {self._beating} THEN 'running'
            ELSE 'failed' END"""

    @property
    def finished_at(self) -> str:
        """When the run ended, as far as anything tells."""
        return f"""CASE
            WHEN {self._retrying} THEN NULL
            WHEN outcome.value IS NOT NULL THEN outcome.ts_epoch
            WHEN {self._beating} THEN NULL
            ELSE {self.run}.last_heartbeat_ts * 1000 END"""

    @property
    def duration(self) -> str:
        """How long the run took, or has taken."""
        beat = f"{self.run}.last_heartbeat_ts * 1000"
        now = "floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint"
        return f"""CASE
            WHEN {self._retrying} THEN coalesce({beat}, outcome.ts_epoch) - {self.run}.ts_epoch
            WHEN outcome.value IS NOT NULL THEN outcome.ts_epoch - {self.run}.ts_epoch
            WHEN {self.run}.last_heartbeat_ts IS NOT NULL THEN {beat} - {self.run}.ts_epoch
            WHEN {now} - {self.run}.ts_epoch <= {self.old_milliseconds} THEN {now} - {self.run}.ts_epoch
            END"""
