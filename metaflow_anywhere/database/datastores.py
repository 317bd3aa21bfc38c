"""Where the local datastore is and was: rows name its files by the path it had then, and root may have moved since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaflow_anywhere.later import psycopg

# How Metaflow's client writes a place: in artifacts' ``location``, and in the metadata field ``ds-root``.
LOCATION = ":root:{}/.metaflow"
DS_ROOT = "{}/.metaflow"


def settle(connection: psycopg.Connection[Any], root: Path) -> list[str]:
    """Have what was stored in former places of the datastore be told as in ``root``; returns those places.

    A former place that is still a folder here is left as it is: the files may never have moved. ``connection`` is in
    autocommit mode.
    """
    with connection.transaction():
        connection.execute("INSERT INTO anywhere.datastores (root) VALUES (%s) ON CONFLICT DO NOTHING", [str(root)])
        known = [row[0] for row in connection.execute("SELECT root FROM anywhere.datastores ORDER BY first_used")]
        moved = [former for former in known if former != str(root) and not Path(DS_ROOT.format(former)).is_dir()]
        connection.execute("DELETE FROM anywhere.datastore_moves")
        for former in moved:
            for form in (LOCATION, DS_ROOT):
                connection.execute(
                    "INSERT INTO anywhere.datastore_moves (former, now) VALUES (%s, %s)",
                    [form.format(former), form.format(root)],
                )
    return moved
