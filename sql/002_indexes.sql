-- What the services look things up by, beside the primary keys: newest first, by the names a scheduler gave,
-- by tag and by user.

CREATE INDEX flows_v3_newest ON flows_v3 (ts_epoch DESC, flow_id DESC);

CREATE INDEX runs_v3_newest ON runs_v3 (ts_epoch DESC, run_number DESC);
CREATE INDEX runs_v3_flow_newest ON runs_v3 (flow_id, ts_epoch DESC, run_number DESC);
CREATE INDEX runs_v3_all_tags ON runs_v3 USING gin ((tags || system_tags));
CREATE INDEX runs_v3_user_newest ON runs_v3 (
    (CASE WHEN system_tags ? ('user:' || user_name) THEN user_name END), ts_epoch DESC
);

CREATE INDEX tasks_v3_step_newest ON tasks_v3 (flow_id, run_number, step_name, ts_epoch DESC, task_id DESC);
CREATE INDEX tasks_v3_names ON tasks_v3 (flow_id, run_id, step_name, task_name);

CREATE INDEX metadata_v3_task ON metadata_v3 (flow_id, run_number, step_name, task_id, field_name);
CREATE INDEX metadata_v3_names ON metadata_v3 (flow_id, run_id, step_name, task_name, field_name);
CREATE INDEX metadata_v3_run_newest ON metadata_v3 (flow_id, run_number, ts_epoch DESC, id DESC);

CREATE INDEX artifact_v3_names ON artifact_v3 (flow_id, run_id, step_name, task_name, attempt_id, name);
CREATE INDEX artifact_v3_task_name ON artifact_v3 (flow_id, run_number, task_id, name, ts_epoch DESC);
