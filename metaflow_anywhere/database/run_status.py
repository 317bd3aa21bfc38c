# ruff: noqa: S608  # constants of ours
"""Whether a run is running, completed or failed, when it finished and how long it took: the one place that knows.

Nothing in the database says so: it follows from what the tasks of its last step left in their metadata, and from the
run's last sign of life. Beyond the rules of an official service:

* The last step of a run is the one its graph names, ``end`` or not.
* A run whose task has failed, and that has nothing left running, is failed as soon as it stops beating: not only after
  six minutes of silence. (While it beats its client is there, and may be about to try again.)
* A run that fell silent ended with the newest thing that is known of it: heartbeats are in whole seconds, rounded down.
* No duration is negative, whatever the clocks of two machines say.
"""

from __future__ import annotations

from dataclasses import dataclass

STATUSES = frozenset({"running", "completed", "failed"})
INACTIVE_SECONDS = 360  # a run without a sign of life for longer is taken for dead (RUN_INACTIVE_CUTOFF_TIME)
OLD_MILLISECONDS = 86_400_000  # one that never gave any stops counting its duration (OLD_RUN_FAILURE_CUTOFF_TIME)
TASK_SECONDS = 60  # a task without a sign of life for longer is taken for dead (HEARTBEAT_THRESHOLD)
RETRY_SECONDS = (
    3  # a failed attempt may be followed by another: a client's new process has mostly registered it by then
)
OVERDUE_SECONDS = 20  # a client that is there beats every ten seconds; two beats in a row are not late
NOW_SECONDS = "extract(epoch FROM statement_timestamp())"
NOW_MS = "floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint"


def same_flow(row: str, other: str) -> str:
    """The condition that two rows are of one flow, written so that only the indexes of ``sql/005_outcomes.sql`` fit.

    The planner takes a flow's name and a run's number for independent, so it expects one row from any index that
    begins with both, and cannot tell the one that finds it from those that walk through a run.
    """
    return f"{row}.flow_id || '' = {other}.flow_id"


@dataclass(frozen=True)
class RunStatus:
    """SQL about the row ``run`` (a table's name or alias in FROM) of ``runs_v3``.

    `joins` belongs after it in the FROM clause, and makes neither more nor fewer rows; the other properties are
    expressions. `finished_at` and `duration` are in milliseconds, and null while there is none.

    The tasks of a run that seems to be running are looked at only if no scheduler has named it: a scheduler may start
    the next attempt after any time.
    """

    run: str = "runs_v3"
    inactive_seconds: int = INACTIVE_SECONDS
    old_milliseconds: int = OLD_MILLISECONDS
    task_seconds: int = TASK_SECONDS

    @property
    def joins(self) -> str:
        """The ``last`` step, its newest ``outcome`` and attempt (``retry``), and of a run without an outcome the newest
        failure in it (``mishap``), whether it is ``broken``, and if it has ended its last ``sign`` of life."""
        # The conditions are inside of the subqueries: there they are looked at before anything is read.
        unknown = "outcome.value IS NULL"
        beat = f"{self.run}.last_heartbeat_ts"
        return f"""
            CROSS JOIN LATERAL (
                SELECT coalesce((
                    SELECT value FROM metadata_v3
                    WHERE {self._in_run} AND step_name = '_parameters' AND field_name = 'end_step' AND value <> 'end'
                    LIMIT 1
                ), 'end') AS step OFFSET 0
            ) AS last
            LEFT JOIN LATERAL ({self._newest("attempt_ok")} AND step_name = last.step) AS outcome ON true
            LEFT JOIN LATERAL (
                {self._newest("attempt")} AND lower(outcome.value) <> 'true' AND step_name = last.step
            ) AS retry ON true
            LEFT JOIN LATERAL (
                SELECT max(ts_epoch) AS ts_epoch FROM metadata_v3
                WHERE {unknown} AND {self._in_run} AND field_name = 'attempt_ok' AND value <> 'True'
            ) AS mishap ON true
            CROSS JOIN LATERAL (
                SELECT CASE WHEN {unknown} AND {self.run}.run_id IS NULL AND {self._beating}
                        AND {NOW_SECONDS} - {beat} > CASE WHEN mishap.ts_epoch IS NULL THEN {self.task_seconds}
                            ELSE {min(OVERDUE_SECONDS, self.task_seconds)} END
                    THEN NOT EXISTS ({self._tasks("alive")}) AND EXISTS ({self._tasks("failed")}) END AS yes
                OFFSET 0  -- computed once, though it is used thrice
            ) AS broken
            LEFT JOIN LATERAL (
                SELECT greatest({beat} * 1000, mishap.ts_epoch, CASE WHEN {beat} IS NOT NULL THEN greatest(
                    {self.run}.ts_epoch,
                    (SELECT said.ts_epoch FROM metadata_v3 AS said
                        WHERE said.flow_id = {self.run}.flow_id AND said.run_number = {self.run}.run_number
                        ORDER BY said.ts_epoch DESC, said.id DESC LIMIT 1)
                ) END) AS ts_epoch
                WHERE {unknown} AND (broken.yes OR {self._beating} IS NOT TRUE)
                OFFSET 0
            ) AS sign ON true"""

    @property
    def _in_run(self) -> str:
        return f"{same_flow('metadata_v3', self.run)} AND run_number = {self.run}.run_number"

    def _newest(self, field: str) -> str:
        """The newest row of a field, of all steps."""
        return f"""SELECT (array_agg(value ORDER BY ts_epoch DESC, id DESC))[1] AS value, max(ts_epoch) AS ts_epoch
            FROM metadata_v3 WHERE {self._in_run} AND field_name = '{field}'"""

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
    def _retrying(self) -> str:
        return "outcome.ts_epoch < retry.ts_epoch"

    @property
    def _beating(self) -> str:
        # Subqueries: computed once, where the time would be looked at and calculated with for each row.
        return f"""{self.run}.last_heartbeat_ts BETWEEN (SELECT ceil({NOW_SECONDS} - {self.inactive_seconds})::bigint)
            AND (SELECT floor({NOW_SECONDS} + {self.inactive_seconds})::bigint)"""

    @property
    def may_run(self) -> str:
        """What holds of every run that is running: it is heard of, or its last step failed and was tried again.

        Cheaper than to derive the status of all: what was tried again is read once for all runs.
        """
        return f"({self._beating} OR {self.run}.run_number IN (SELECT m.run_number {self._tried_again}))"

    @property
    def may_run_among_few(self) -> str:
        """The same, looked up for each run: cheaper if there are few, such as those of one flow."""
        return f"""({self._beating}
            OR EXISTS (SELECT {self._tried_again} AND m.run_number = {self.run}.run_number OFFSET 0))"""

    @property
    def _tried_again(self) -> str:
        """FROM ... WHERE: failures ``m`` of last steps with a later attempt. (OFFSET 0: looked up along an index.)"""
        return """FROM metadata_v3 AS m
            WHERE m.field_name = 'attempt_ok' AND m.value <> 'True' AND (m.step_name = 'end'
                OR (m.run_number, m.step_name) IN (SELECT e.run_number, e.value FROM metadata_v3 AS e
                    WHERE e.field_name = 'end_step' AND e.value <> 'end'))
                AND EXISTS (SELECT FROM metadata_v3 AS later WHERE later.run_number = m.run_number
                    AND later.step_name = m.step_name AND later.field_name = 'attempt' AND later.ts_epoch > m.ts_epoch
                    OFFSET 0)"""

    @property
    def status(self) -> str:
        """One of STATUSES."""
        return f"""CASE
            WHEN {self._retrying} THEN 'running'
            WHEN lower(outcome.value) = 'true' THEN 'completed'
            WHEN outcome.value IS NOT NULL OR broken.yes THEN 'failed'
            WHEN {self._beating} THEN 'running'
            ELSE 'failed' END"""

    @property
    def finished_at(self) -> str:
        """When the run ended, as far as anything tells."""
        return f"CASE WHEN {self._retrying} THEN NULL ELSE coalesce(outcome.ts_epoch, sign.ts_epoch) END"

    @property
    def duration(self) -> str:
        """How long the run took, or has taken."""
        beat = f"{self.run}.last_heartbeat_ts * 1000"
        return f"""(SELECT CASE WHEN d < 0 THEN 0 ELSE d END FROM (SELECT CASE
            WHEN {self._retrying} THEN coalesce({beat}, outcome.ts_epoch)
            WHEN coalesce(outcome.ts_epoch, sign.ts_epoch) IS NOT NULL THEN coalesce(outcome.ts_epoch, sign.ts_epoch)
            WHEN {self.run}.last_heartbeat_ts IS NOT NULL THEN {beat}
            WHEN {NOW_MS} - {self.run}.ts_epoch <= {self.old_milliseconds} THEN {NOW_MS}
            END - {self.run}.ts_epoch AS d) AS took)"""
