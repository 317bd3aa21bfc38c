"""Tasks as the UI gets them: a row for each attempt, with when it began and ended and what became of it.

Nothing in the database says so in one place: an attempt leaves metadata when it starts, when it ends and when its
outcome is known, and among its artifacts ``_task_ok``. All of that is read for all tasks of a page at once.
"""

from __future__ import annotations

from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.filters import Field
from metaflow_anywhere.database.run_status import NOW_MS, NOW_SECONDS
from metaflow_anywhere.ui_backend.asked import Order
from metaflow_anywhere.ui_backend.rows import THIS_STEP, columns, fields
from metaflow_anywhere.ui_backend.tables import IN_RUN, RUN, RUN_TAGS, TASK_ID, Table

# An artifact's sha is that of its pickle, so the two outcomes that `_task_ok` can have are known without reading it.
FIRST_BEATS_MS = 10_000
REGISTERING_MS = 1000
SHA_OF_TRUE = "868436778cb011a1c6230bc12534683ab0b7f1c3"  # sha1 of pickle.dumps(True, protocol=4)
SHA_OF_FALSE = "2473d4676d5b2aba674167293142f8031ada401b"

# One row that the planner takes for a thousand. Without it, it expects one task in a run (its statistics know nothing
# of how columns go together) and joins a thousand tasks with a thousand attempts by comparing each with each.
MANY_ROWS = "generate_series(1, (SELECT 1)) AS many_rows"

# The tag is the only one, nearly always.
_ATTEMPT_TAG = """CASE WHEN m.tags ->> 0 ~ '^attempt_id:[0-9]{1,4}$' THEN substr(m.tags ->> 0, 12)
    ELSE substring(m.tags::text FROM '"attempt_id:([0-9]{1,4})"') END"""
_ATTEMPT_VALUE = "substring(m.value FROM '^[0-9]{1,4}$')"
# Facts are looked up by the range of the page's task ids: a page is made of tasks that began one after the other, so
# the range holds little else, and what else it holds finds no task to join. (A list of ids is compared with each row in
# turn, and a join is planned by guesses of how many rows there are, which are wrong by a factor of a thousand.)
_RUN_OF_PAGE = "(SELECT run_number FROM page LIMIT 1)"
_FLOW_OF_PAGE = "(SELECT flow_id FROM page LIMIT 1)"
_STEPS_OF_PAGE = "ANY (ARRAY(SELECT DISTINCT step_name FROM page))"
FACTS = f"""said AS MATERIALIZED (
    SELECT m.task_id,
        (CASE m.field_name WHEN 'attempt_ok' THEN {_ATTEMPT_TAG} ELSE {_ATTEMPT_VALUE} END)::integer AS attempt_id,
        m.field_name, lower(m.value) = 'true' AS ok, m.ts_epoch
    FROM metadata_v3 AS m
    WHERE m.flow_id || '' = {_FLOW_OF_PAGE} AND m.run_number = {_RUN_OF_PAGE} AND m.step_name = {_STEPS_OF_PAGE}
        AND m.task_id BETWEEN (SELECT min(task_id) FROM page) AND (SELECT max(task_id) FROM page)
        AND m.field_name IN ('attempt', 'attempt-done', 'attempt_ok')
),
told AS (
    SELECT task_id, attempt_id,
        max(ts_epoch) FILTER (WHERE field_name = 'attempt') AS started_at,
        max(ts_epoch) FILTER (WHERE field_name <> 'attempt') AS attempt_finished,
        bool_or(ok) FILTER (WHERE field_name = 'attempt_ok') AS attempt_ok
    FROM said WHERE attempt_id IS NOT NULL GROUP BY task_id, attempt_id
),
undecided AS (
    SELECT task_id FROM page
    EXCEPT SELECT task_id FROM told GROUP BY task_id HAVING bool_and(attempt_ok IS NOT NULL)
),
stored AS (
    SELECT a.task_id, a.attempt_id::integer AS attempt_id, a.ts_epoch, a.location, a.sha
    FROM artifact_v3 AS a
    WHERE a.flow_id = {_FLOW_OF_PAGE} AND a.run_number = {_RUN_OF_PAGE} AND a.step_name = {_STEPS_OF_PAGE}
        AND a.name = '_task_ok'
        AND a.task_id BETWEEN (SELECT min(task_id) FROM undecided) AND (SELECT max(task_id) FROM undecided)
),
attempts AS (
    SELECT *, CASE WHEN lead(attempt_id) OVER later = attempt_id + 1 THEN lead(started_at) OVER later END AS next_at
    FROM (
        SELECT task_id, attempt_id, told.started_at, told.attempt_finished, told.attempt_ok,
            stored.ts_epoch AS task_ok_finished, stored.location, stored.sha
        FROM told FULL JOIN stored USING (task_id, attempt_id), {MANY_ROWS}
    ) AS known
    WINDOW later AS (PARTITION BY task_id ORDER BY attempt_id)
)"""


def tasks(cutoffs: Cutoffs, condition: str = "true") -> Table:
    """Attempts of the tasks of a run that meet ``condition`` (a constant)."""
    began = "coalesce(a.started_at, r.ts_epoch)"
    beat = "r.last_heartbeat_ts * 1000"
    # A task is registered, which counts as a beat, before its process starts. That may take minutes (many at once, big
    # libraries on a slow disk), and as long as the run's client is heard of nothing says that it went wrong.
    unbegun = f"a.started_at IS NULL AND coalesce({beat} <= r.ts_epoch + {REGISTERING_MS}, true)"
    starting = f"{unbegun} AND (SELECT last_heartbeat_ts FROM run) >= {NOW_SECONDS} - {cutoffs.task_seconds}"
    silent = f"(abs({NOW_SECONDS} - r.last_heartbeat_ts) > {cutoffs.task_seconds} AND ({starting}) IS NOT TRUE)"
    # Beyond the wire contract: an outcome that `_task_ok` tells is used, and "unknown" is left for what nobody knows.
    status = f"""CASE
        WHEN a.attempt_ok THEN 'completed' WHEN NOT a.attempt_ok THEN 'failed'
        WHEN a.sha = '{SHA_OF_TRUE}' THEN 'completed' WHEN a.sha = '{SHA_OF_FALSE}' THEN 'failed'
        WHEN coalesce(a.attempt_finished, a.task_ok_finished) IS NOT NULL THEN 'unknown'
        WHEN a.next_at IS NOT NULL THEN 'failed'
        WHEN {silent} THEN 'failed'
        WHEN r.last_heartbeat_ts IS NULL AND abs({NOW_MS} - {began}) > {cutoffs.old_milliseconds} THEN 'failed'
        WHEN {unbegun} THEN 'pending'
        ELSE 'running' END"""
    # Heartbeats are in whole seconds, rounded down, and the second comes after ten: until then the last thing that the
    # task said is better known.
    said = f"""CASE WHEN {beat} < {began} + {FIRST_BEATS_MS} THEN greatest({began}, (SELECT max(m.ts_epoch)
        FROM metadata_v3 AS m WHERE m.flow_id = r.flow_id AND m.run_number = r.run_number AND m.step_name = r.step_name
            AND m.task_id = r.task_id)) END"""
    finished = f"""coalesce(greatest(a.attempt_finished, a.task_ok_finished), a.next_at,
        CASE WHEN {silent} THEN greatest({beat}, {said}) END)"""
    return Table(
        opening=RUN,
        base=f"""SELECT flow_id, run_number, run_id, step_name, task_id, task_name, user_name, ts_epoch,
            last_heartbeat_ts, {RUN_TAGS} FROM tasks_v3, {MANY_ROWS} WHERE {IN_RUN} AND {condition}""",
        fields=fields("flow_id run_id step_name task_name user_name", "run_number task_id ts_epoch last_heartbeat_ts"),
        derived={name: Field(name, "integer") for name in ("attempt_id", "started_at", "finished_at", "duration")},
        derivations={
            "status": "s.status",
            "task_ok": "CASE WHEN a.attempt_ok IS NULL THEN a.location END",
            "started_at": "a.started_at",
            "finished_at": "s.finished_at",
            "duration": f"""CASE WHEN s.status = 'pending' THEN NULL
                WHEN s.finished_at IS NULL AND r.last_heartbeat_ts IS NULL
                    AND abs({NOW_MS} - {began}) > {cutoffs.old_milliseconds} THEN NULL
                ELSE greatest(coalesce(s.finished_at, {beat}, {NOW_MS}) - {began}, 0) END""",
            "attempt_id": "coalesce(a.attempt_id, 0)",
        },
        between=FACTS,
        joins=f"""LEFT JOIN attempts AS a ON a.task_id = r.task_id
            CROSS JOIN LATERAL (SELECT {status} AS status, {finished} AS finished_at) AS s""",
        columns=columns(
            "flow_id run_number run_id step_name task_id task_name user_name status task_ok ts_epoch started_at"
            " finished_at duration attempt_id tags system_tags last_heartbeat_ts"
        ),
        keys=("task_id", "attempt_id"),
        order=(Order("ts_epoch", descending=True),),
    )


THIS_TASK = f"{THIS_STEP} AND task_id = {TASK_ID}"
