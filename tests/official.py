"""A database as an official metadata service and its UI backend leave it behind, and its dumps.

Tables and names are those of facts that were observed from outside (columns, keys, indexes); the statements are ours.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.postgres import Programs

OWNER, DATABASE = "metaflow_owner", "metaflow_official"
FLOWS, RUNS, TASKS_A_RUN = 2, 30, 3
LONG_VALUE = "two\nGRANT lines\n\\restrict and it's a \\N value with a $$ in it " + "x" * 9000
IDS = "flow_id varchar(255) NOT NULL, run_number {run} NOT NULL"
COMMON = "user_name varchar(255), ts_epoch bigint NOT NULL, tags jsonb, system_tags jsonb"
NAMES = "run_id varchar(255), task_name varchar(255)"

TABLES = f"""
CREATE TABLE public.goose_db_version (
    id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now()
);
INSERT INTO public.goose_db_version (version_id, is_applied) SELECT n, true FROM generate_series(0, 13) n;
CREATE TABLE public.flows_v3 (flow_id varchar(255) PRIMARY KEY, {COMMON});
CREATE TABLE public.runs_v3 (
    flow_id varchar(255) NOT NULL REFERENCES public.flows_v3, run_number serial NOT NULL, {COMMON},
    run_id varchar(255), last_heartbeat_ts bigint, PRIMARY KEY (flow_id, run_number), UNIQUE (flow_id, run_id)
);
CREATE TABLE public.steps_v3 (
    {IDS.format(run="bigint")}, step_name varchar(255) NOT NULL, {COMMON}, run_id varchar(255),
    PRIMARY KEY (flow_id, run_number, step_name), UNIQUE (flow_id, run_id, step_name),
    FOREIGN KEY (flow_id, run_number) REFERENCES public.runs_v3
);
CREATE TABLE public.tasks_v3 (
    {IDS.format(run="bigint")}, step_name varchar(255) NOT NULL, task_id bigserial PRIMARY KEY, {COMMON}, {NAMES},
    last_heartbeat_ts bigint, UNIQUE (flow_id, run_number, step_name, task_name),
    FOREIGN KEY (flow_id, run_number, step_name) REFERENCES public.steps_v3
);
CREATE TABLE public.metadata_v3 (
    {IDS.format(run="bigint")}, step_name varchar(255) NOT NULL, task_id bigint NOT NULL, id bigserial NOT NULL,
    field_name varchar(255) NOT NULL, value text NOT NULL, type varchar(255) NOT NULL, {COMMON}, {NAMES},
    PRIMARY KEY (id, flow_id, run_number, step_name, task_id, field_name)
);
CREATE TABLE public.artifact_v3 (
    {IDS.format(run="bigint")}, step_name varchar(255) NOT NULL, task_id bigint NOT NULL, name varchar(255) NOT NULL,
    location varchar(255) NOT NULL, ds_type varchar(255) NOT NULL, sha varchar(255), type varchar(255),
    content_type varchar(255), attempt_id smallint NOT NULL, {COMMON}, {NAMES},
    PRIMARY KEY (flow_id, run_number, step_name, task_id, attempt_id, name)
);
CREATE INDEX flows_v3_idx_ts ON public.flows_v3 (ts_epoch DESC, flow_id DESC);
CREATE INDEX runs_v3_idx_ts_epoch ON public.runs_v3 (ts_epoch);
CREATE INDEX runs_v3_idx_gin_tags ON public.runs_v3 USING gin ((tags || system_tags));
CREATE INDEX runs_v3_idx_user ON public.runs_v3 (
    (CASE WHEN system_tags ? ('user:' || user_name) THEN user_name END), ts_epoch DESC
);
CREATE INDEX runs_v3_idx_flow_ts ON public.runs_v3 (flow_id, ts_epoch DESC, run_number DESC);
CREATE INDEX tasks_v3_idx_str_ids ON public.tasks_v3 (flow_id, run_id, step_name, task_name);
CREATE INDEX metadata_v3_idx_task ON public.metadata_v3 (flow_id, run_number, step_name, task_id, field_name);
CREATE INDEX artifact_v3_idx_str_ids ON public.artifact_v3 (flow_id, run_id, step_name, task_name, attempt_id, name);
"""

# One function and trigger a table, as the UI backend makes them when it starts.
TRIGGER = """
CREATE FUNCTION public.notify_ui_05092024_{table}_function() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    row record;
BEGIN
    IF tg_op = 'DELETE' THEN row := old; ELSE row := new; END IF;
    PERFORM pg_notify('notify', json_build_object(
        'table', tg_table_name, 'schema', tg_table_schema, 'operation', tg_op, 'data', to_jsonb(row)
    )::text);
    RETURN row;
END;
$$;
CREATE TRIGGER notify_ui_05092024_{table} AFTER {events} ON public.{table}
    FOR EACH ROW EXECUTE FUNCTION public.notify_ui_05092024_{table}_function();
"""
EVENTS = {
    "flows_v3": "INSERT OR UPDATE OR DELETE", "runs_v3": "INSERT", "steps_v3": "INSERT OR UPDATE OR DELETE",
    "tasks_v3": "INSERT", "metadata_v3": "INSERT",
}  # fmt: skip


def make_database(conninfo: str) -> str:
    """Make and fill the database on the server at ``conninfo`` (a superuser's); returns a conninfo of it."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}".encode())
        connection.execute(f"DROP ROLE IF EXISTS {OWNER}".encode())
        connection.execute(f"CREATE ROLE {OWNER} LOGIN".encode())
        connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}".encode())
    theirs = make_conninfo(conninfo, dbname=DATABASE)
    with psycopg.connect(theirs, autocommit=True) as connection:
        connection.execute("GRANT ALL ON SCHEMA public TO PUBLIC")
        connection.execute(f"SET ROLE {OWNER}".encode())
        connection.execute(TABLES.encode())
        fill(connection)
        for table, events in EVENTS.items():
            connection.execute(TRIGGER.format(table=table, events=events).encode())
        connection.execute("COMMENT ON TABLE public.flows_v3 IS 'it''s theirs'")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC")
    return theirs


def fill(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Flows with runs, as their client writes them."""
    tags = json.dumps(["nightly", "Grüße 'n' \"quotes\"\tand a tab"])
    system = json.dumps(["user:ada", "metaflow_version:2.15.1"])
    for number in range(FLOWS):
        connection.execute(
            "INSERT INTO flows_v3 VALUES (%s, 'ada', 1700000000000, %s, %s)", [f"Official{number}", "[]", system]
        )
    for number in range(1, RUNS + 1):
        flow = f"Official{number % FLOWS}"
        connection.execute(
            "INSERT INTO runs_v3 (flow_id, user_name, ts_epoch, tags, system_tags, last_heartbeat_ts)"
            " VALUES (%s, 'ada', %s, %s, %s, 1700000100)",
            [flow, 1700000000000 + number, tags, system],
        )
        connection.execute(
            "INSERT INTO steps_v3 VALUES (%s, %s, 'start', 'ada', 1700000000000, %s, %s, %s)",
            [flow, number, tags, system, str(number)],
        )
        for _ in range(TASKS_A_RUN):
            row = connection.execute(
                "INSERT INTO tasks_v3 (flow_id, run_number, step_name, user_name, ts_epoch, tags, system_tags, run_id)"
                " VALUES (%s, %s, 'start', 'ada', 1700000000000, %s, %s, %s) RETURNING task_id",
                [flow, number, tags, system, str(number)],
            ).fetchone()
            assert row
            value = LONG_VALUE if number == 1 else "0"
            connection.execute(
                "INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, user_name,"
                " ts_epoch, tags, system_tags) VALUES (%s, %s, 'start', %s, 'attempt', %s, 'attempt', 'ada',"
                " 1700000000000, %s, %s)",
                [flow, number, row[0], value, json.dumps(["attempt_id:0"]), system],
            )
            connection.execute(
                "INSERT INTO artifact_v3 (flow_id, run_number, step_name, task_id, name, location, ds_type, attempt_id,"
                " user_name, ts_epoch, tags, system_tags)"
                " VALUES (%s, %s, 'start', %s, 'x', 'data/ab', 's3', 0, 'ada', 1700000000000, %s, %s)",
                [flow, number, row[0], tags, system],
            )


def dump(programs: Programs, conninfo: str, file: Path, *options: str) -> Path:
    """``pg_dump`` of the database in ``conninfo``, as our own user."""
    ourselves = Account(os.geteuid(), os.getegid()) if programs.account else None
    programs.run("pg_dump", "-d", conninfo, "-f", file, *options, account=ourselves)
    return file
