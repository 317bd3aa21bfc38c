"""The service described for machines: an OpenAPI 3.1 document of all endpoints, made when it is first asked for."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from metaflow_anywhere.service import admin, artifacts, filtered_tasks, flows, metadata, runs, steps, tags, tasks
from metaflow_anywhere.service.lists import DEFAULT_LIMIT, LARGEST_LIMIT
from metaflow_anywhere.service.messages import JSON, Call, Handler, Reply, encoded
from metaflow_anywhere.service.router import Route

Document = dict[str, Any]


def _nullable(kind: str) -> Document:
    return {"type": [kind, "null"]}


def _reference(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(item: Document) -> Document:
    return {"type": "array", "items": item}


def _object(properties: Mapping[str, Document], optional: Iterable[str] = ()) -> Document:
    required = [name for name in properties if name not in set(optional)]
    return {"type": "object", "properties": dict(properties), "required": required}


STRING: Document = {"type": "string"}
INTEGER: Document = {"type": "integer"}
EXPOSED_ID: Document = {"type": ["integer", "string"]}
TAGS: Document = {"type": ["array", "null"], "items": STRING}
STAMPED: Mapping[str, Document] = {
    "user_name": _nullable("string"),
    "ts_epoch": {**INTEGER, "description": "creation time, milliseconds since 1970"},
    "tags": TAGS,
    "system_tags": TAGS,
}
HEARTBEAT: Document = {**_nullable("integer"), "description": "seconds since 1970"}
IN_TASK: Mapping[str, Document] = {
    "flow_id": STRING,
    "run_number": EXPOSED_ID,
    "step_name": STRING,
    "task_id": EXPOSED_ID,
}
CREATED_BY: Mapping[str, Document] = {"user_name": _nullable("string"), "tags": TAGS, "system_tags": TAGS}


def _strings(*names: str) -> dict[str, Document]:
    return {name: _nullable("string") for name in names}


SCHEMAS: Mapping[str, Document] = {
    "Flow": _object({"flow_id": STRING, **STAMPED}),
    "Run": _object(
        {
            "flow_id": STRING,
            "run_number": EXPOSED_ID,
            **STAMPED,
            "last_heartbeat_ts": HEARTBEAT,
            "user": STRING,
            "status": {"enum": ["running", "completed", "failed"]},
        },
        optional=("user", "status"),
    ),
    "Step": _object({"flow_id": STRING, "run_number": STRING, "step_name": STRING, **STAMPED}),
    "Task": _object({**IN_TASK, **STAMPED, "last_heartbeat_ts": HEARTBEAT}),
    "Metadata": _object({"id": INTEGER, **IN_TASK, "field_name": STRING, "value": STRING, "type": STRING, **STAMPED}),
    "Artifact": _object(
        {**IN_TASK, **_strings("name", "location", "ds_type", "sha", "type", "content_type"), **STAMPED}
        | {"attempt_id": INTEGER}
    ),
    "NewObject": {"type": "object", "properties": dict(CREATED_BY)},
    "NewRun": {"type": "object", "properties": {**CREATED_BY, "run_number": _nullable("string")}},
    "NewTask": {"type": "object", "properties": {**CREATED_BY, "task_id": _nullable("string")}},
    "NewMetadata": {
        "type": "object",
        "properties": {
            **_strings("field_name", "type"),
            "value": {"type": ["string", "number", "boolean", "array", "null"]},
            **CREATED_BY,
        },
    },
    "NewArtifact": {
        "type": "object",
        "properties": {
            **_strings("name", "location", "ds_type", "sha", "type", "content_type"),
            "attempt_id": {"type": ["integer", "null"], "minimum": 0, "maximum": 32767},
            **CREATED_BY,
        },
    },
    "TagMutation": {
        "type": "object",
        "properties": {"tags_to_add": _list_of(STRING), "tags_to_remove": _list_of(STRING)},
    },
    "Tags": _object({"tags": _list_of(STRING)}),
    "Wait": {**STRING, "description": 'JSON inside a JSON string: {"wait_time_in_seconds": 10}'},
    "Text": STRING,
    "Error": {"description": "a sentence, or an object with one; of the database: JSON inside a JSON string"},
}

STATUSES: Mapping[int, str] = {
    200: "done",
    400: "the request makes no sense; a sentence says why",
    404: "there is no such object",
    409: "it exists already, or somebody else is changing it",
    413: "the body is too large",
    422: "a system tag cannot be removed",
    500: "the database refused, or took too long",
    503: "the database cannot be reached now, or is too busy: try again after Retry-After seconds",
}
ALWAYS = (400, 413, 500, 503)
PAGING = {
    "_limit": {
        **INTEGER,
        "minimum": 1,
        "description": f"rows of a page, {DEFAULT_LIMIT} unless told, at most {LARGEST_LIMIT}",
    },
    "_cursor": {**STRING, "description": "the X-Next-Cursor of the page before"},
}
TAGS = {"_tags": {**STRING, "description": "tags that the run must have; also as _tags:any, likeall and likeany"}}


@dataclass(frozen=True)
class Operation:
    """What a handler answers (a schema), with which statuses beside 200 and `ALWAYS`, and what it takes."""

    answer: Document
    statuses: tuple[int, ...] = ()
    body: Document | None = None
    query: Mapping[str, Document] | None = None
    content_type: str = "text/plain"


def _filters(fields: Iterable[str]) -> dict[str, Document]:
    return {
        name: {**STRING, "description": "filter; also as name:operator with eq ne lt le gt ge co sw ew li is"}
        for name in fields
    }


TEXT = _reference("Text")
OPERATIONS: Mapping[Handler, Operation] = {
    admin.ping: Operation(TEXT),
    admin.version: Operation(TEXT),
    admin.health: Operation(TEXT, content_type="application/json"),
    admin.auth_token: Operation(TEXT),
    flows.list_flows: Operation(_list_of(_reference("Flow")), query=PAGING),
    flows.read_flow: Operation(_reference("Flow"), (404,)),
    flows.create_flow: Operation(_reference("Flow"), (409,), body=_reference("NewObject")),
    runs.list_runs: Operation(_list_of(_reference("Run")), query={**PAGING, **_filters(runs.FILTERS), **TAGS}),
    runs.create_run: Operation(_reference("Run"), (404, 409), body=_reference("NewRun")),
    runs.read_run: Operation(_reference("Run"), (404,)),
    runs.beat_run: Operation(_reference("Wait"), (404,)),
    tags.mutate_tags: Operation(_reference("Tags"), (404, 409, 422), body=_reference("TagMutation")),
    steps.list_steps: Operation(_list_of(_reference("Step")), query={**PAGING, **TAGS}),
    steps.read_step: Operation(_reference("Step"), (404,)),
    steps.create_step: Operation(_reference("Step"), (404, 409), body=_reference("NewObject")),
    tasks.list_tasks: Operation(_list_of(_reference("Task")), query={**PAGING, **_filters(tasks.FILTERS), **TAGS}),
    filtered_tasks.list_filtered_tasks: Operation(
        _list_of(STRING), query={"metadata_field_name": STRING, "pattern": {**STRING, "description": "a POSIX regex"}}
    ),
    tasks.create_task: Operation(_reference("Task"), (404, 409), body=_reference("NewTask")),
    tasks.read_task: Operation(_reference("Task"), (404,)),
    tasks.beat_task: Operation(_reference("Wait"), (404,)),
    metadata.list_run_metadata: Operation(_list_of(_reference("Metadata")), query=PAGING),
    metadata.list_task_metadata: Operation(_list_of(_reference("Metadata")), query=PAGING),
    metadata.create_metadata: Operation(
        _object({"metadata_created": INTEGER}), body=_list_of(_reference("NewMetadata"))
    ),
    artifacts.list_run_artifacts: Operation(_list_of(_reference("Artifact")), query={**PAGING, **TAGS}),
    artifacts.list_step_artifacts: Operation(_list_of(_reference("Artifact")), query={**PAGING, **TAGS}),
    artifacts.list_task_artifacts: Operation(_list_of(_reference("Artifact")), query={**PAGING, **TAGS}),
    artifacts.list_attempt_artifacts: Operation(_list_of(_reference("Artifact"))),
    artifacts.create_artifacts: Operation(
        _object({"artifacts_created": INTEGER}), body=_list_of(_reference("NewArtifact"))
    ),
    artifacts.read_artifact: Operation(_reference("Artifact"), (404,)),
    artifacts.read_attempt_artifact: Operation(_reference("Artifact"), (404,)),
}


def describer(routes: Iterable[Route]) -> Handler:
    """The handler that describes ``routes``, a list that it may itself be put into afterwards."""

    @lru_cache
    def encoded_description(prefix: str) -> bytes:
        return encoded(description(routes, prefix))

    async def describe(call: Call) -> Reply:
        """The description of all endpoints."""
        return Reply(encoded_description(call.prefix), content_type=JSON)

    return describe


def description(routes: Iterable[Route], prefix: str) -> Document:
    """The OpenAPI document of ``routes``, served under ``prefix``."""
    paths: dict[str, Document] = {}
    for route in routes:
        if route.handler in OPERATIONS:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, OPERATIONS[route.handler])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Metaflow metadata service",
            "version": admin.VERSION,
            "description": "Answers are JSON under the type text/plain, as clients of the official service expect.",
        },
        "servers": [{"url": prefix or "/"}],
        "paths": paths,
        "components": {"schemas": dict(SCHEMAS)},
    }


def _operation(route: Route, operation: Operation) -> Document:
    path_parameters = [
        {"name": segment[1:-1], "in": "path", "required": True, "schema": _path_schema(segment[1:-1])}
        for segment in route.path.split("/")
        if segment.startswith("{")
    ]
    query_parameters = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in (operation.query or {}).items()
    ]
    answered = {200: operation.answer, **{status: _reference("Error") for status in (*ALWAYS, *operation.statuses)}}
    described: Document = {
        "operationId": route.handler.__name__,
        "summary": (inspect.getdoc(route.handler) or "").splitlines()[0],
        "parameters": path_parameters + query_parameters,
        "responses": {
            str(status): {
                "description": STATUSES[status],
                "content": {operation.content_type if status in (200, 500) else "text/plain": {"schema": schema}},
            }
            for status, schema in sorted(answered.items())
        },
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": operation.body}}}
    return described


def _path_schema(name: str) -> Document:
    return {**STRING, "minLength": 1} if name != "attempt" else {**INTEGER, "minimum": 0}
