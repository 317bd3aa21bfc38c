"""The status of runs as the UI shows it: the shared rules, with three of their harms put right.

* A run whose task has failed, and that has nothing left running, is failed: not only after six minutes of silence.
* The last step of a run is the one its graph names, ``end`` or not.
* No duration is negative, whatever the clocks of two machines say.
"""

from __future__ import annotations

from dataclasses import dataclass

from metaflow_anywhere.database.run_status import RunStatus

RETRY_SECONDS = 3  # a failed attempt may be followed by another: a client's new process has registered it by then
NOW_SECONDS = "extract(epoch FROM statement_timestamp())"
NOW_MS = "floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint"


def same_flow(row: str, other: str) -> str:
    """The condition that two rows are of one flow, written so that only the indexes of ``sql/005_outcomes.sql`` fit.

    The planner takes a flow's name and a run's number for independent, so it expects one row from any index that
    begins with both, and cannot tell the one that finds it from those that walk through a run.
    """
    return f"{row}.flow_id || '' = {other}.flow_id"


@dataclass(frozen=True)
class WatchfulRunStatus(RunStatus):
    """`RunStatus` that also looks at the tasks of a run that seems to be running.

    Only of runs that no scheduler has named: a scheduler may start the next attempt after any time.
    """

    task_seconds: int = 60

    @property
    def joins(self) -> str:
        """Adds ``custom`` (the outcome of a last step of another name), ``mishap`` (a failure) and ``broken``."""
        in_run = f"{same_flow('metadata_v3', self.run)} AND run_number = {self.run}.run_number"
        # The conditions are inside of the subqueries: there they are looked at before anything is read.
        unknown = "outcome.value IS NULL"
        return f"""{super().joins}
            LEFT JOIN LATERAL (
                {self._newest("attempt_ok")} AND {unknown} AND step_name = (
                    SELECT value FROM metadata_v3
                    WHERE {in_run} AND step_name = '_parameters' AND field_name = 'end_step' AND value <> 'end' LIMIT 1)
            ) AS custom ON true
            LEFT JOIN LATERAL (
                SELECT max(ts_epoch) AS ts_epoch FROM metadata_v3
                WHERE {unknown} AND custom.value IS NULL AND {in_run} AND field_name = 'attempt_ok' AND value <> 'True'
            ) AS mishap ON true
            CROSS JOIN LATERAL (
                SELECT CASE WHEN {unknown} AND custom.value IS NULL AND {self.run}.run_id IS NULL AND {self._beating}
                        AND (mishap.ts_epoch < {NOW_MS} - {RETRY_SECONDS * 1000}
                            OR {NOW_SECONDS} - {self.run}.last_heartbeat_ts > {self.task_seconds})
                    THEN NOT EXISTS ({self._tasks("alive")}) AND EXISTS ({self._tasks("failed")}) END AS yes
                OFFSET 0  -- computed once, though it is used thrice
            ) AS broken"""

    def _newest_of_end(self, field: str) -> str:
        return f"{self._newest(field)} AND step_name = 'end'"

    def _newest(self, field: str) -> str:
        """The newest outcome of a field, of all steps."""
        return f"""SELECT (array_agg(value ORDER BY ts_epoch DESC, id DESC))[1] AS value, max(ts_epoch) AS ts_epoch
            FROM metadata_v3 WHERE {same_flow("metadata_v3", self.run)} AND run_number = {self.run}.run_number
                AND field_name = '{field}'"""

    def _tasks(self, which: str) -> str:
        """The tasks of the run that are alive, or that have failed (of a run without any that is alive).

        OFFSET 0 has each task's metadata looked up along the index, where joining would compare each with each.
        """
        finished = f"""SELECT FROM metadata_v3 AS m WHERE {same_flow("m", "t")} AND m.run_number = t.run_number
            AND m.step_name = t.step_name AND m.task_id = t.task_id AND m.field_name = 'attempt_ok'"""
        retried = f"""SELECT FROM metadata_v3 AS later WHERE {same_flow("later", "t")}
            AND later.run_number = t.run_number AND later.step_name = t.step_name AND later.task_id = t.task_id
            AND later.field_name = 'attempt' AND later.ts_epoch > m.ts_epoch"""
        alive = f"""(t.last_heartbeat_ts >= {NOW_SECONDS} - {self.task_seconds}
                OR t.last_heartbeat_ts IS NULL AND t.ts_epoch > {NOW_MS} - {self.old_milliseconds})
            AND NOT EXISTS ({finished} AND NOT EXISTS ({retried})
                AND (m.value = 'True' OR m.ts_epoch < {NOW_MS} - {RETRY_SECONDS * 1000}) OFFSET 0)"""
        condition = alive if which == "alive" else f"NOT EXISTS ({finished} AND m.value = 'True' OFFSET 0)"
        return f"""SELECT FROM tasks_v3 AS t WHERE t.flow_id = {self.run}.flow_id
            AND t.run_number = {self.run}.run_number AND t.step_name <> '_parameters' AND {condition}"""

    @property
    def may_run(self) -> str:
        """What holds of every run that is running: it is heard of, or something failed in it and is tried again."""
        return f"""({self._beating} OR EXISTS (SELECT FROM metadata_v3 AS m WHERE m.run_number = {self.run}.run_number
            AND m.field_name = 'attempt_ok' AND m.value <> 'True'))"""

    @property
    def status(self) -> str:
        """One of STATUSES."""
        return f"""CASE
            WHEN custom.value IS NOT NULL THEN CASE WHEN lower(custom.value) = 'true' THEN 'completed' ELSE 'failed' END
            WHEN broken.yes THEN 'failed'
            ELSE {super().status} END"""

    @property
    def finished_at(self) -> str:
        """When the run ended: of a failed one its last sign of life, be it a heartbeat or the failure."""
        beat = f"{self.run}.last_heartbeat_ts * 1000"
        return f"""CASE
            WHEN custom.value IS NOT NULL THEN custom.ts_epoch
            WHEN outcome.value IS NULL AND (broken.yes OR {self._beating} IS NOT TRUE)
                THEN greatest({beat}, mishap.ts_epoch)
            ELSE {super().finished_at} END"""

    @property
    def duration(self) -> str:
        """How long the run took, or has taken."""
        ended = f"({self.finished_at}) - {self.run}.ts_epoch"
        return f"""(SELECT CASE WHEN d < 0 THEN 0 ELSE d END
            FROM (SELECT coalesce({ended}, {super().duration}) AS d) AS took)"""
