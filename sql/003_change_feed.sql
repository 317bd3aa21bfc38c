-- The change feed: who listens on the channel anywhere_changes learns what was written, as it is committed.
--
-- One statement gives as few notifications as fit (a payload has 8000 bytes at most):
--   {"table": "tasks_v3", "operation": "INSERT", "rows": [{"flow_id": ..., "run_number": ..., ...}, ...]}
-- Rows hold keys only; metaflow_anywhere/database/feed.py says which, and what is published at all.

CREATE SCHEMA IF NOT EXISTS anywhere;

-- A listener that does not listen must not stop the writers: with the server's queue half full nothing is added.
CREATE FUNCTION anywhere.publish(of_table text, operation text, keys json[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    payload_bytes CONSTANT integer := 4000; -- and one row more, which is 3300 bytes at the very most
BEGIN
    IF keys IS NULL OR pg_notification_queue_usage() > 0.5 THEN
        RETURN;
    END IF;
    PERFORM pg_notify(
        'anywhere_changes',
        '{"table":"' || of_table || '","operation":"' || operation || '","rows":[' || string_agg(row, ',') || ']}'
    )
    FROM (
        SELECT key::text AS row, (sum(octet_length(key::text)) OVER (ORDER BY place) - 1) / payload_bytes AS part
        FROM unnest(keys) WITH ORDINALITY AS sent (key, place)
    ) AS rows
    GROUP BY part ORDER BY part;
END $$;

CREATE FUNCTION anywhere.publish_flows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM anywhere.publish(tg_table_name, tg_op, (SELECT array_agg(json_build_object('flow_id', flow_id)) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION anywhere.publish_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM anywhere.publish(tg_table_name, tg_op, (
        SELECT array_agg(json_build_object('flow_id', flow_id, 'run_number', run_number)) FROM changed
    ));
    RETURN NULL;
END $$;

CREATE FUNCTION anywhere.publish_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM anywhere.publish(
        tg_table_name, tg_op, ARRAY[json_build_object('flow_id', new.flow_id, 'run_number', new.run_number)]
    );
    RETURN NULL;
END $$;

CREATE FUNCTION anywhere.publish_steps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM anywhere.publish(tg_table_name, tg_op, (
        SELECT array_agg(json_build_object('flow_id', flow_id, 'run_number', run_number, 'step_name', step_name))
        FROM changed
    ));
    RETURN NULL;
END $$;

CREATE FUNCTION anywhere.publish_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM anywhere.publish(tg_table_name, tg_op, (
        SELECT array_agg(json_build_object(
            'flow_id', flow_id, 'run_number', run_number, 'step_name', step_name, 'task_id', task_id
        )) FROM changed
    ));
    RETURN NULL;
END $$;

CREATE FUNCTION anywhere.publish_metadata() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM anywhere.publish(tg_table_name, tg_op, (
        SELECT array_agg(json_build_object(
            'flow_id', flow_id, 'run_number', run_number, 'step_name', step_name, 'task_id', task_id,
            'id', id, 'field_name', field_name
        )) FROM changed WHERE field_name IN ('attempt', 'attempt_ok', 'code-package', 'code-package-url')
    ));
    RETURN NULL;
END $$;

CREATE TRIGGER anywhere_inserted AFTER INSERT ON flows_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION anywhere.publish_flows();
CREATE TRIGGER anywhere_updated AFTER UPDATE ON flows_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION anywhere.publish_flows();
CREATE TRIGGER anywhere_deleted AFTER DELETE ON flows_v3
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION anywhere.publish_flows();

CREATE TRIGGER anywhere_inserted AFTER INSERT ON runs_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION anywhere.publish_runs();
-- Not at heartbeats: those come every ten seconds from every task. (A trigger on columns cannot have transition tables.)
CREATE TRIGGER anywhere_tagged AFTER UPDATE OF tags ON runs_v3
    FOR EACH ROW WHEN (old.tags IS DISTINCT FROM new.tags) EXECUTE FUNCTION anywhere.publish_run();

CREATE TRIGGER anywhere_inserted AFTER INSERT ON steps_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION anywhere.publish_steps();
CREATE TRIGGER anywhere_updated AFTER UPDATE ON steps_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION anywhere.publish_steps();
CREATE TRIGGER anywhere_deleted AFTER DELETE ON steps_v3
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION anywhere.publish_steps();

CREATE TRIGGER anywhere_inserted AFTER INSERT ON tasks_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION anywhere.publish_tasks();

CREATE TRIGGER anywhere_inserted AFTER INSERT ON metadata_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION anywhere.publish_metadata();
