-- What the status of runs and attempts is derived from, found without reading the rest of a task's metadata:
-- three rows in thirteen, and the few among them that are out of the ordinary.
--
-- By the run's number alone: numbers come from one sequence, so a flow's name would only make the index larger. Where two
-- flows do have a run of one number, the statements look at the flow too.

CREATE INDEX metadata_v3_outcomes ON metadata_v3 (run_number, step_name, task_id)
    WHERE field_name IN ('attempt', 'attempt_ok', 'attempt-done');

CREATE INDEX metadata_v3_failures ON metadata_v3 (run_number)
    WHERE field_name = 'attempt_ok' AND value <> 'True';

CREATE INDEX metadata_v3_renamed_ends ON metadata_v3 (run_number)
    WHERE field_name = 'end_step' AND value <> 'end';
