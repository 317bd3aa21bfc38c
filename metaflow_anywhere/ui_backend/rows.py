"""The rows of flows, runs, steps, metadata and artifacts as the UI gets them (wire contract, 4.4)."""

from __future__ import annotations

from dataclasses import replace

from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.filters import Field
from metaflow_anywhere.database.run_status import NOW_MS, same_flow
from metaflow_anywhere.ui_backend.asked import Order
from metaflow_anywhere.ui_backend.tables import IN_RUN, IN_STEP, IN_TASK, RUN, RUN_TAGS, Table

# A tag vouches for the name: anybody can call himself anything. Written as the index on it is.
VOUCHED_USER = "CASE WHEN system_tags ? ('user:' || user_name) THEN user_name END"
NEWEST_FIRST = (Order("ts_epoch", descending=True),)


def fields(texts: str, integers: str = "") -> dict[str, Field]:
    """Fields of these names, separated by blanks."""
    return {
        **{name: Field(f'"{name}"') for name in texts.split()},
        **{name: Field(f'"{name}"', "integer") for name in integers.split()},
        "tags": Field("tags::text"),
        "system_tags": Field("system_tags::text"),
    }


def columns(names: str) -> tuple[str, ...]:
    """Columns of these names, separated by blanks."""
    return tuple(names.split())


FLOWS = Table(
    base="SELECT flow_id, user_name, ts_epoch, tags, system_tags FROM flows_v3",
    fields=fields("flow_id user_name", "ts_epoch"),
    columns=columns("flow_id user_name ts_epoch tags system_tags"),
    keys=("flow_id",),
    order=NEWEST_FIRST,
)


def runs(cutoffs: Cutoffs, condition: str = "true") -> Table:
    """Runs that meet ``condition`` (a constant)."""
    status = cutoffs.status("r")
    return Table(
        base=f"""SELECT flow_id, run_number, run_id, user_name, {VOUCHED_USER} AS "user",
            coalesce(run_id, run_number::text) AS run, ts_epoch, last_heartbeat_ts, tags, system_tags
            FROM runs_v3 WHERE {condition}""",
        fields=fields("flow_id run_id user_name user run", "run_number ts_epoch last_heartbeat_ts"),
        derived={
            "status": Field("status"),
            "finished_at": Field("finished_at", "integer"),
            "duration": Field("duration", "integer"),
        },
        derivations={"status": status.status, "finished_at": status.finished_at, "duration": status.duration},
        columns=columns(
            "flow_id run_number run_id user_name user run status ts_epoch finished_at duration last_heartbeat_ts tags"
            " system_tags"
        ),
        keys=("run_number",),
        joins=status.joins,
        order=NEWEST_FIRST,
        leaping=frozenset({"flow_id", "user"}),
        implied={("status", "running"): replace(status, run="b").may_run},
    )


THIS_FLOW = "flow_id = %(flow)s"
THIS_RUN = f"""{THIS_FLOW} AND run_number = coalesce(%(run_number)s::bigint,
    (SELECT run_number FROM runs_v3 WHERE flow_id = %(flow)s AND run_id = %(run_id)s))"""


def steps(cutoffs: Cutoffs) -> Table:
    """Steps of a run. A step has no status; it lasts until the last of its attempts ended, as `attempts` has it.

    A heartbeat counts only while its task is at work: the process of one that has ended beats on until it is gone. When
    ``_task_ok`` was stored counts only where no ``attempt_ok`` tells the end. Both are asked of few: what is later than
    the rest.
    """

    def of_step(row: str) -> str:
        return f"{row}.flow_id = r.flow_id AND {row}.run_number = r.run_number AND {row}.step_name = r.step_name"

    def of_task(row: str, task: str) -> str:
        return f"""{same_flow(row, "r")} AND {row}.run_number = r.run_number AND {row}.step_name = r.step_name
            AND {row}.task_id = {task}.task_id"""

    at_work = f"""NOT EXISTS (SELECT FROM metadata_v3 AS m WHERE {of_task("m", "t")} AND m.field_name = 'attempt_ok'
        AND NOT EXISTS (SELECT FROM metadata_v3 AS later WHERE {of_task("later", "t")}
            AND later.field_name = 'attempt' AND later.ts_epoch > m.ts_epoch) OFFSET 0)"""
    untold = f"""NOT EXISTS (SELECT FROM metadata_v3 AS m WHERE {of_task("m", "a")} AND m.field_name = 'attempt_ok'
        OFFSET 0)"""
    return Table(
        opening=RUN,
        base=f"""SELECT flow_id, run_number, coalesce(run_id, run_number::text) AS run_id, step_name, user_name,
            ts_epoch, {RUN_TAGS} FROM steps_v3 WHERE {IN_RUN}""",
        fields=fields("flow_id run_id step_name user_name", "run_number ts_epoch"),
        derived={"duration": Field("duration", "integer")},
        derivations={
            "duration": f"""CASE WHEN known.until IS NOT NULL THEN greatest(known.until - r.ts_epoch, 0)
            WHEN {NOW_MS} - r.ts_epoch <= {cutoffs.old_milliseconds} THEN greatest({NOW_MS} - r.ts_epoch, 0) END"""
        },
        joins=f"""CROSS JOIN LATERAL (SELECT max(m.ts_epoch) AS until FROM metadata_v3 AS m
                WHERE {of_step("m")} AND m.field_name IN ('attempt', 'attempt_ok', 'attempt-done') OFFSET 0) AS told
            CROSS JOIN LATERAL (SELECT greatest(told.until,
                (SELECT max(a.ts_epoch) FROM artifact_v3 AS a WHERE {of_step("a")} AND a.name = '_task_ok'
                    AND a.ts_epoch > coalesce(told.until, 0) AND {untold}),
                (SELECT max(t.last_heartbeat_ts) * 1000 FROM tasks_v3 AS t WHERE {of_step("t")}
                    AND t.last_heartbeat_ts * 1000 > coalesce(told.until, 0) AND {at_work})
                ) AS until OFFSET 0) AS known""",
        columns=columns("flow_id run_number run_id step_name user_name ts_epoch duration tags system_tags"),
        keys=("step_name",),
        order=NEWEST_FIRST,
    )


THIS_STEP = "step_name = %(step)s"


def metadata(where: str) -> Table:
    """Metadata rows of ``where``: `OF_RUN` or `OF_TASK`."""
    return Table(
        opening=RUN,
        base=f"""SELECT id, flow_id, run_number, run_id, step_name, task_id, task_name, field_name, value, type,
            user_name, ts_epoch, tags, system_tags,
            substring(tags::text FROM '"attempt_id:([0-9]{{1,9}})"')::integer AS attempt_id
            FROM metadata_v3 WHERE {where}""",
        fields=fields(
            "flow_id run_id step_name task_name field_name value type user_name",
            "id run_number task_id ts_epoch attempt_id",
        ),
        columns=columns(
            "id flow_id run_number run_id step_name task_id task_name field_name value type user_name ts_epoch tags"
            " system_tags attempt_id"
        ),
        keys=("id",),
        order=NEWEST_FIRST,
    )


def artifacts(where: str) -> Table:
    """Artifacts of ``where``: `OF_RUN`, `OF_STEP` or `OF_TASK`; of all attempts, the newest first."""
    return Table(
        opening=RUN,
        base=f"""SELECT flow_id, run_number, run_id, step_name, task_id, task_name, name, location, ds_type, sha, type,
            content_type, user_name, attempt_id, ts_epoch, {RUN_TAGS} FROM artifact_v3 WHERE {where}""",
        fields=fields(
            "flow_id run_id step_name task_name name location ds_type sha type content_type user_name",
            "run_number task_id attempt_id ts_epoch",
        ),
        columns=columns(
            "flow_id run_number run_id step_name task_id task_name name location ds_type sha type content_type"
            " user_name attempt_id ts_epoch tags system_tags"
        ),
        keys=("task_id", "name"),
        order=(Order("attempt_id", descending=True),),
    )


OF_RUN, OF_STEP, OF_TASK = IN_RUN, IN_STEP, IN_TASK
