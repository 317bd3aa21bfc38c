"""From keys of changed rows to events: which rows are read again, and under which paths they are published."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.feed import Change
from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.strict_json import encoded
from metaflow_anywhere.ui_backend import attempts, rows
from metaflow_anywhere.ui_backend.live.hub import Event
from metaflow_anywhere.ui_backend.tables import IN_RUN, read

INSERT, UPDATE, DELETE = "INSERT", "UPDATE", "DELETE"
ROWS_PER_READ = 100  # few milliseconds of reading JSON, between which requests are answered

Run = tuple[str, int]


@dataclass
class Pending:
    """What has changed and was not yet published, each thing once, whatever happened to it how often."""

    flows: dict[str, str] = field(default_factory=dict)
    runs: dict[Run, str] = field(default_factory=dict)
    steps: dict[Run, dict[str, str]] = field(default_factory=dict)
    tasks: dict[Run, dict[int, str]] = field(default_factory=dict)
    metadata: dict[Run, set[int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.flows or self.runs or self.steps or self.tasks or self.metadata)

    def add(self, change: Change, *, inside: bool) -> None:
        """Note one notification; ``inside``: somebody watches its flow, and not only the list of all runs."""
        for row in change.rows:
            flow = row["flow_id"]
            if change.table == "flows_v3":
                _note(self.flows, flow, change.operation)
                continue
            run = flow, row["run_number"]
            if change.table == "runs_v3":
                _note(self.runs, run, change.operation)
            elif change.table == "steps_v3" and inside:
                _note(self.steps.setdefault(run, {}), row["step_name"], change.operation)
            elif change.table == "tasks_v3":
                _note(self.runs, run, UPDATE)
                if inside:
                    _note(self.tasks.setdefault(run, {}), row["task_id"], INSERT)
            elif change.table == "metadata_v3":
                self._add_metadata(run, row, inside=inside)

    def _add_metadata(self, run: Run, row: dict[str, Any], *, inside: bool) -> None:
        if row["field_name"] == "attempt_ok":
            _note(self.runs, run, UPDATE)
        if inside:
            self.metadata.setdefault(run, set()).add(row["id"])


def _note(noted: dict[Any, str], key: Any, operation: str) -> None:
    """Remember the operation: what is new stays new, whatever is done to it before it is published."""
    if operation != UPDATE or key not in noted:
        noted[key] = operation


class Reader:
    """Reads what `Pending` names, as REST would give it."""

    def __init__(self, pool: Pool, cutoffs: Cutoffs) -> None:
        self._pool = pool
        in_batch = "(flow_id, run_number) IN (SELECT * FROM unnest(%(flows)s::text[], %(runs)s::bigint[]))"
        self._flows = rows.FLOWS.one("flow_id = ANY (%(flows)s::text[])")
        self._runs = rows.runs(cutoffs, in_batch).one()
        self._steps = rows.steps(cutoffs).one("step_name = ANY (%(steps)s::text[])")
        self._tasks = attempts.tasks(cutoffs, "task_id = ANY (%(tasks)s::bigint[])").one()
        self._metadata = rows.metadata(f"{IN_RUN} AND id = ANY (%(ids)s::bigint[])").one()

    async def flows(self, pending: dict[str, str]) -> list[Event]:
        """The events of flows."""
        found = await self._read(self._flows, {"flows": list(pending)})
        events = [_event(pending[row["flow_id"]], row, data, _flow_paths(row)) for row, data in found]
        gone = [{"flow_id": flow} for flow, operation in pending.items() if operation == DELETE]
        return events + [_event(DELETE, row, encoded(row), _flow_paths(row)) for row in gone]

    async def runs(self, pending: dict[Run, str]) -> list[Event]:
        """The events of runs."""
        events = []
        for batch in _batches(list(pending)):
            keys = {"flows": [flow for flow, _ in batch], "runs": [number for _, number in batch]}
            for row, data in await self._read(self._runs, keys):
                events.append(_event(pending[row["flow_id"], row["run_number"]], row, data, run_paths(row)))
        return events

    async def steps(self, run: Run, pending: dict[str, str]) -> list[Event]:
        """The events of one run's steps."""
        found = await self._read(self._steps, {**_address(run), "steps": list(pending)})
        events = [_event(pending[row["step_name"]], row, data, _step_paths(row)) for row, data in found]
        for step, operation in pending.items():
            if operation == DELETE:
                row = {"flow_id": run[0], "run_number": run[1], "run_id": None, "step_name": step}
                events.append(_event(DELETE, row, encoded(row), _step_paths(row)))
        return events

    async def tasks(self, run: Run, tasks: dict[int, str], metadata: Iterable[int]) -> AsyncIterator[list[Event]]:
        """The events of one run's tasks: of new ``tasks``, and of attempts that ``metadata`` rows tell something of."""
        changed = {(task, 0): INSERT for task in tasks}
        for batch in _batches(sorted(metadata)):
            events = []
            for row, data in await self._read(self._metadata, {**_address(run), "ids": batch}):
                base = run_base(row)
                paths = [f"{one}/metadata" for one in (*base, *_task_base(row, base))]
                events.append(_event(INSERT, row, data, tuple(paths)))
                if row["field_name"] in ("attempt", "attempt_ok"):
                    attempt = (row["task_id"], row["attempt_id"] or 0)
                    again = row["field_name"] == "attempt" and attempt[1] > 0
                    changed[attempt] = INSERT if again else changed.get(attempt, UPDATE)
            yield events
        for batch in _batches(sorted({task for task, _ in changed})):
            events = []
            for row, data in await self._read(self._tasks, {**_address(run), "tasks": batch}):
                operation = changed.get((row["task_id"], row["attempt_id"]))
                if operation is not None:
                    events.append(_event(operation, row, data, _task_paths(row)))
            yield events

    async def stopped(self, run: Run, tasks: Iterable[int]) -> list[Event]:
        """The events of ``tasks`` whose heart has stopped: of the newest attempt of each that has failed so."""
        newest: dict[int, Event] = {}
        for row, data in await self._read(self._tasks, {**_address(run), "tasks": list(tasks)}):
            known = newest.get(row["task_id"])
            if known is None or known.row["attempt_id"] < row["attempt_id"]:
                newest[row["task_id"]] = _event(UPDATE, row, data, _task_paths(row))
        return [event for event in newest.values() if event.row["status"] == "failed"]

    async def _read(self, statement: Any, parameters: dict[str, Any]) -> list[tuple[dict[str, Any], bytes]]:
        return [(json.loads(data), data) for data in await read(self._pool, statement, parameters)]


def _batches(keys: list[Any]) -> Iterable[list[Any]]:
    return (keys[start : start + ROWS_PER_READ] for start in range(0, len(keys), ROWS_PER_READ))


def _address(run: Run) -> dict[str, Any]:
    return {"flow": run[0], "run_number": str(run[1]), "run_id": None}


def _event(operation: str, row: dict[str, Any], data: bytes, paths: tuple[str, ...]) -> Event:
    return Event(operation, paths, row, data)


def _flow_paths(row: dict[str, Any]) -> tuple[str, ...]:
    return "/flows", f"/flows/{row['flow_id']}"


def run_base(row: dict[str, Any]) -> tuple[str, ...]:
    """The paths that a row's run has: by its number, and by its name if it has one."""
    ids = {str(row["run_number"]), str(row["run_id"] or row["run_number"])}
    return tuple(f"/flows/{row['flow_id']}/runs/{one}" for one in sorted(ids))


def run_paths(row: dict[str, Any]) -> tuple[str, ...]:
    """Where a run is published."""
    return "/runs", f"/flows/{row['flow_id']}/runs", *run_base(row)


def _step_paths(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(path for base in run_base(row) for path in (f"{base}/steps", f"{base}/steps/{row['step_name']}"))


def _task_base(row: dict[str, Any], base: tuple[str, ...]) -> tuple[str, ...]:
    ids = {str(row["task_id"]), str(row["task_name"] or row["task_id"])}
    return tuple(f"{run}/steps/{row['step_name']}/tasks/{one}" for run in base for one in sorted(ids))


def _task_paths(row: dict[str, Any]) -> tuple[str, ...]:
    base = run_base(row)
    lists = [path for run in base for path in (f"{run}/tasks", f"{run}/steps/{row['step_name']}/tasks")]
    return (*lists, *(path for task in _task_base(row, base) for path in (task, f"{task}/attempts")))
