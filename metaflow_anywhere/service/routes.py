"""All endpoints."""

from __future__ import annotations

from metaflow_anywhere.service import (
    admin,
    artifacts,
    filtered_tasks,
    flows,
    metadata,
    openapi,
    runs,
    steps,
    tags,
    tasks,
)
from metaflow_anywhere.service.router import Route

FLOW = "/flows/{flow}"
RUN = f"{FLOW}/runs/{{run}}"
STEP = f"{RUN}/steps/{{step}}"
TASK = f"{STEP}/tasks/{{task}}"

ROUTES = [
    Route("GET", "/ping", admin.ping),
    Route("GET", "/version", admin.version, tells_version=False),
    Route("GET", "/healthcheck", admin.health),
    Route("GET", "/auth/token", admin.auth_token),
    Route("GET", "/flows", flows.list_flows),
    Route("GET", FLOW, flows.read_flow),
    Route("POST", FLOW, flows.create_flow),
    Route("GET", f"{FLOW}/runs", runs.list_runs),
    Route("POST", f"{FLOW}/run", runs.create_run),
    Route("GET", RUN, runs.read_run),
    Route("POST", f"{RUN}/heartbeat", runs.beat_run),
    Route("PATCH", f"{RUN}/tag/mutate", tags.mutate_tags),
    Route("GET", f"{RUN}/metadata", metadata.list_run_metadata),
    Route("GET", f"{RUN}/artifacts", artifacts.list_run_artifacts),
    Route("GET", f"{RUN}/steps", steps.list_steps),
    Route("GET", STEP, steps.read_step),
    Route("POST", f"{STEP}/step", steps.create_step),
    Route("GET", f"{STEP}/artifacts", artifacts.list_step_artifacts),
    Route("GET", f"{STEP}/filtered_tasks", filtered_tasks.list_filtered_tasks),
    Route("GET", f"{STEP}/tasks", tasks.list_tasks),
    Route("POST", f"{STEP}/task", tasks.create_task),
    Route("GET", TASK, tasks.read_task),
    Route("POST", f"{TASK}/heartbeat", tasks.beat_task),
    Route("GET", f"{TASK}/metadata", metadata.list_task_metadata),
    Route("POST", f"{TASK}/metadata", metadata.create_metadata, tells_version=False),
    Route("GET", f"{TASK}/artifacts", artifacts.list_task_artifacts),
    Route("POST", f"{TASK}/artifact", artifacts.create_artifacts, tells_version=False),
    Route("GET", f"{TASK}/artifacts/{{name}}", artifacts.read_artifact),
    Route("GET", f"{TASK}/artifacts/{{name}}/attempt/{{attempt}}", artifacts.read_attempt_artifact),
    Route("GET", f"{TASK}/attempt/{{attempt}}/artifacts", artifacts.list_attempt_artifacts, tells_version=False),
]
ROUTES.append(Route("GET", "/openapi.json", openapi.describer(ROUTES)))
