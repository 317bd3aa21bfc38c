"""A database of many runs, made by PostgreSQL itself: 10 tasks, 30 metadata rows and 30 artifacts a run."""

from __future__ import annotations

import psycopg

BIG_FLOW = "Big"  # has one run, of BIG_TASKS tasks
BIG_TASKS = 1000
FLOWS, USERS = 40, 20

# A run in ten failed, one in a hundred is running now; every 50th is tagged.
RUNS = """
    INSERT INTO flows_v3 (flow_id, ts_epoch)
        SELECT 'Flow' || lpad(n::text, 3, '0'), 0 FROM generate_series(1, %(flows)s) n
        ON CONFLICT DO NOTHING;
    CREATE TEMPORARY TABLE made ON COMMIT DROP AS
        SELECT nextval('runs_v3_run_number_seq')::int AS run, n,
            'Flow' || lpad((1 + n %% %(flows)s)::text, 3, '0') AS flow, 'user' || (n * 7 %% %(users)s) AS who,
            (extract(epoch FROM now()) * 1000)::bigint - 60000::bigint * (%(runs)s - n) AS ts
        FROM generate_series(1, %(runs)s) AS n;
    INSERT INTO runs_v3 (flow_id, run_number, user_name, ts_epoch, last_heartbeat_ts, tags, system_tags)
        SELECT flow, run, who, ts,
            CASE WHEN n %% 100 = 1 THEN extract(epoch FROM now()) ELSE ts / 1000 + 60 END,
            CASE WHEN n %% 50 = 0 THEN '["kind:rare"]'::jsonb ELSE '[]' END,
            jsonb_build_array('user:' || who, 'runtime:dev', 'metaflow_version:2.19.39', 'python_version:3.11.7')
        FROM made;
    INSERT INTO steps_v3 (flow_id, run_number, run_id, step_name, user_name, ts_epoch)
        SELECT flow, run, run::text, step, who, ts FROM made, unnest(ARRAY['start', 'work', 'end']) AS step;
    CREATE TEMPORARY TABLE made_tasks ON COMMIT DROP AS
        SELECT nextval('tasks_v3_task_id_seq') AS task, made.*, place,
            CASE place WHEN 0 THEN 'start' WHEN 9 THEN 'end' ELSE 'work' END AS step
        FROM made, generate_series(0, 9) AS place;
    INSERT INTO tasks_v3 (flow_id, run_number, step_name, task_id, user_name, ts_epoch, last_heartbeat_ts)
        SELECT flow, run, step, task, who, ts + place * 1000, ts / 1000 + place FROM made_tasks;
    INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, user_name,
            ts_epoch, tags)
        SELECT flow, run, step, task, field,
            CASE WHEN field <> 'attempt_ok' THEN '0' WHEN n %% 10 = 0 AND place = 9 THEN 'False' ELSE 'True' END,
            field, who, ts + place * 1000 + 500, '["attempt_id:0"]'
        FROM made_tasks, unnest(ARRAY['attempt', 'attempt_ok', 'attempt-done']) AS field
        WHERE NOT (n %% 100 = 1 AND place = 9);
    INSERT INTO artifact_v3
        (flow_id, run_number, step_name, task_id, name, location, ds_type, sha, type, content_type, user_name,
            attempt_id, ts_epoch)
        SELECT flow, run, step, task, name, ':root:/data/.metaflow', 'local', md5(name), 'metaflow.artifact',
            'pickle-v4', who, 0, ts + place * 1000 + 400
        FROM made_tasks, unnest(ARRAY['_task_ok', 'x', 'y']) AS name
"""
BIG = """
    INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES (%(flow)s, 0) ON CONFLICT DO NOTHING;
    INSERT INTO runs_v3 (flow_id, ts_epoch, last_heartbeat_ts, tags, system_tags)
        SELECT %(flow)s, (extract(epoch FROM now()) * 1000)::bigint, extract(epoch FROM now()), '["a"]', '["user:x"]';
    INSERT INTO steps_v3 (flow_id, run_number, run_id, step_name, ts_epoch)
        SELECT flow_id, run_number, run_number::text, 'work', ts_epoch FROM runs_v3 WHERE flow_id = %(flow)s;
    INSERT INTO tasks_v3 (flow_id, run_number, step_name, user_name, ts_epoch, last_heartbeat_ts)
        SELECT flow_id, run_number, 'work', 'x', ts_epoch + n, last_heartbeat_ts
        FROM runs_v3, generate_series(1, %(tasks)s) n WHERE flow_id = %(flow)s;
    INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch, tags)
        SELECT flow_id, run_number, step_name, task_id, field, CASE field WHEN 'attempt_ok' THEN 'True' ELSE '0' END,
            field, ts_epoch + 100, '["attempt_id:0"]'
        FROM tasks_v3, unnest(ARRAY['attempt', 'attempt_ok', 'attempt-done', 'runtime', 'user', 'ds-type']) AS field
        WHERE flow_id = %(flow)s;
    INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch)
        SELECT flow_id, run_number, 'end', 0, 'attempt_ok', 'True', '', ts_epoch + 2000 FROM runs_v3
        WHERE flow_id = %(flow)s;
    INSERT INTO artifact_v3
        (flow_id, run_number, step_name, task_id, name, location, ds_type, sha, type, content_type, attempt_id,
            ts_epoch)
        SELECT flow_id, run_number, step_name, task_id, name, ':root:/data/.metaflow', 'local', md5(name), '', '', 0,
            ts_epoch
        FROM tasks_v3, unnest(ARRAY['_task_ok', 'x', 'y']) AS name WHERE flow_id = %(flow)s
"""


def fill(conninfo: str, runs: int) -> None:
    """Add ``runs`` runs, and one of a thousand tasks."""
    with psycopg.connect(conninfo, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(RUNS, {"runs": runs, "flows": FLOWS, "users": USERS})
        connection.execute(BIG, {"flow": BIG_FLOW, "tasks": BIG_TASKS})
        connection.execute("VACUUM ANALYZE")
