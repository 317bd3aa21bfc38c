"""Whose cards a task shows: its own, by attempt, or those of the task that a resume has taken over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.ui_backend.cards.places import Place
from metaflow_anywhere.ui_backend.tables import IN_RUN, RUN, TASK_ID, address, read

MOST_RESUMES = 20  # of a task that was taken over again and again
NOTHING = ("", "None")  # what the client writes of a task that was not taken over

# A card's hash is the name of a metadata row, whose tag says which attempt has made it.
THE_TASK = f"""
    WITH {RUN} SELECT json_build_array(coalesce(run_id, run_number::text), coalesce(task_name, task_id::text),
        (SELECT json_agg(json_build_array(field_name, CASE WHEN type <> 'card-info' THEN value END,
                substring(tags::text FROM '"attempt_id:([0-9]{{1,9}})"')::integer) ORDER BY id)
            FROM metadata_v3 AS m
            WHERE m.flow_id = t.flow_id AND m.run_number = t.run_number AND m.step_name = t.step_name
                AND m.task_id = t.task_id
                AND (m.type = 'card-info' OR m.field_name IN ('origin-run-id', 'origin-task-id'))))::text
    FROM tasks_v3 AS t WHERE {IN_RUN} AND step_name = %(step)s AND task_id = {TASK_ID}
"""


@dataclass(frozen=True)
class Owner:
    """A task, and the attempts that have made its cards, by the cards' hashes, where that is known."""

    place: Place
    attempts: Mapping[str, int]
    origin: Mapping[str, str] | None

    @property
    def is_clone(self) -> bool:
        """Whether a resume has taken it over, so that it has never run."""
        return self.origin is not None


async def owners(pool: Pool, parts: Mapping[str, str]) -> list[Owner]:
    """The task that a path names, then the one it was taken over from, and so on; nothing if there is no such task."""
    found: list[Owner] = []
    asked: Mapping[str, str] | None = parts
    while asked is not None and len(found) < MOST_RESUMES:
        owner = await _owner(pool, asked)
        if owner is None or any(owner.place == one.place for one in found):
            break
        found.append(owner)
        asked = owner.origin
    return found


async def _owner(pool: Pool, parts: Mapping[str, str]) -> Owner | None:
    rows = await read(pool, THE_TASK, address(parts))
    if not rows:
        return None
    run, task, said = json.loads(rows[0])
    values = {name: value for name, value, _ in said or () if value is not None}
    attempts = {name: attempt for name, value, attempt in said or () if value is None and attempt is not None}
    origin = None
    origin_run, origin_task = values.get("origin-run-id", ""), values.get("origin-task-id", "")
    if origin_run not in NOTHING and origin_task not in NOTHING:
        origin = {"flow": parts["flow"], "run": origin_run, "step": parts["step"], "task": origin_task}
    return Owner(Place(parts["flow"], run, parts["step"], task), attempts, origin)
