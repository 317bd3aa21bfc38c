-- Clients find the parents and children of a task by its place in nested foreachs: without this, each such question
-- reads all metadata of a step. Only one row per task is in it, and of its value only what an index entry can hold.
CREATE INDEX metadata_v3_foreach_path ON metadata_v3 (
    flow_id, run_number, step_name, (left(value, 200) COLLATE "C")
) WHERE field_name = 'foreach-execution-path';
