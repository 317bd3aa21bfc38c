-- A program that tells the change feed of its own commits says so in its sessions, and the triggers pass those over:
-- a transaction that notifies holds a lock of the whole database until its WAL is on disk, and the metadata service's
-- writers would queue behind each other's. All other sessions are told of as before.

CREATE FUNCTION anywhere.told_by_trigger() RETURNS boolean LANGUAGE sql STABLE
    RETURN current_setting('anywhere.publishes', true) IS DISTINCT FROM 'on';

CREATE OR REPLACE TRIGGER anywhere_inserted AFTER INSERT ON flows_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    WHEN (anywhere.told_by_trigger()) EXECUTE FUNCTION anywhere.publish_flows();
CREATE OR REPLACE TRIGGER anywhere_updated AFTER UPDATE ON flows_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    WHEN (anywhere.told_by_trigger()) EXECUTE FUNCTION anywhere.publish_flows();
CREATE OR REPLACE TRIGGER anywhere_deleted AFTER DELETE ON flows_v3
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
    WHEN (anywhere.told_by_trigger()) EXECUTE FUNCTION anywhere.publish_flows();

CREATE OR REPLACE TRIGGER anywhere_inserted AFTER INSERT ON runs_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    WHEN (anywhere.told_by_trigger()) EXECUTE FUNCTION anywhere.publish_runs();
CREATE OR REPLACE TRIGGER anywhere_tagged AFTER UPDATE OF tags ON runs_v3
    FOR EACH ROW WHEN (old.tags IS DISTINCT FROM new.tags AND anywhere.told_by_trigger())
    EXECUTE FUNCTION anywhere.publish_run();

CREATE OR REPLACE TRIGGER anywhere_inserted AFTER INSERT ON steps_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    WHEN (anywhere.told_by_trigger()) EXECUTE FUNCTION anywhere.publish_steps();
CREATE OR REPLACE TRIGGER anywhere_updated AFTER UPDATE ON steps_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    WHEN (anywhere.told_by_trigger()) EXECUTE FUNCTION anywhere.publish_steps();
CREATE OR REPLACE TRIGGER anywhere_deleted AFTER DELETE ON steps_v3
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
    WHEN (anywhere.told_by_trigger()) EXECUTE FUNCTION anywhere.publish_steps();

CREATE OR REPLACE TRIGGER anywhere_inserted AFTER INSERT ON tasks_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    WHEN (anywhere.told_by_trigger()) EXECUTE FUNCTION anywhere.publish_tasks();

CREATE OR REPLACE TRIGGER anywhere_inserted AFTER INSERT ON metadata_v3
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    WHEN (anywhere.told_by_trigger()) EXECUTE FUNCTION anywhere.publish_metadata();
