"""The change feed: what ``sql/`` publishes on a channel of PostgreSQL's NOTIFY, and how to read a payload.

Published as it is committed by triggers, or right after that by a program that tells of its own writes (`Publisher`):
flows and steps inserted, updated or deleted; runs inserted or tagged (not their heartbeats); tasks inserted; metadata
inserted under one of `METADATA_FIELDS`. Artifacts are not. Rows hold the primary key, and of metadata the field's name;
the rest is read from the table. A statement that writes many rows gives few payloads, so one payload has one or more
rows.

Nothing is kept for a listener that is away, and while one has let the server's queue fill half up nothing is added:
after connecting, read what there is. The same holds when the session of a `PUBLISHER` has come or gone: what its
program committed last may not have been told.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

CHANNEL = "anywhere_changes"
# Sessions with this option are passed over by the triggers: their program tells itself what it committed (`Publisher`).
PUBLISHES = "-c anywhere.publishes=on"
PUBLISHER = "metaflow-anywhere publisher"  # the application's name in the session that tells
METADATA_FIELDS = frozenset({"attempt", "attempt_ok", "code-package", "code-package-url"})
Operation = Literal["INSERT", "UPDATE", "DELETE"]


@dataclass(frozen=True)
class Change:
    """Rows of one ``table`` (such as ``tasks_v3``) that one statement wrote, by their keys.

    Keys: ``flow_id``; of runs and below ``run_number``; of steps and below ``step_name``; of tasks and metadata
    ``task_id``; of metadata also ``id`` and ``field_name``. Numbers are integers.
    """

    table: str
    operation: Operation
    rows: list[dict[str, Any]]


def parse_payload(payload: str) -> Change:
    """A notification's payload. Raises ValueError if it is none of ours."""
    try:
        document = json.loads(payload)
        return Change(document["table"], document["operation"], document["rows"])
    except (LookupError, TypeError) as error:
        raise ValueError(f"not a payload of {CHANNEL}: {payload[:100]!r}") from error
