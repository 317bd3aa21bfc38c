-- What the status of runs and attempts is derived from, found without reading the rest of a task's metadata:
-- three rows in thirteen, and the few among them that are out of the ordinary.

CREATE INDEX metadata_v3_outcomes ON metadata_v3 (flow_id, run_number, step_name, task_id)
    WHERE field_name IN ('attempt', 'attempt_ok', 'attempt-done');

CREATE INDEX metadata_v3_failures ON metadata_v3 (flow_id, run_number)
    WHERE field_name = 'attempt_ok' AND value <> 'True';

CREATE INDEX metadata_v3_renamed_ends ON metadata_v3 (flow_id, run_number)
    WHERE field_name = 'end_step' AND value <> 'end';
