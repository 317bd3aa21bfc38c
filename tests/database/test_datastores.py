"""What was stored before root moved is told where it is now, and what never moved is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from metaflow_anywhere.database import schema
from metaflow_anywhere.database.datastores import settle


@pytest.fixture(autouse=True)
def applied(connection: psycopg.Connection[Any]) -> None:
    schema.apply(connection)


def moves(connection: psycopg.Connection[Any]) -> dict[str, str]:
    return dict(connection.execute("SELECT former, now FROM anywhere.datastore_moves").fetchall())


def test_a_datastore_that_never_moved_has_no_former_place(connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    assert settle(connection, tmp_path) == []
    assert settle(connection, tmp_path) == []
    assert moves(connection) == {}


def test_former_places_lead_to_the_present_one_move_after_move(
    connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    for name in ("first", "second", "first", "third"):
        settle(connection, tmp_path / name)
    now = f"{tmp_path}/third/.metaflow"
    assert moves(connection) == {
        f"{tmp_path}/first/.metaflow": now,
        f":root:{tmp_path}/first/.metaflow": f":root:{now}",
        f"{tmp_path}/second/.metaflow": now,
        f":root:{tmp_path}/second/.metaflow": f":root:{now}",
    }


def test_a_former_place_that_is_still_there_is_believed(connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    (tmp_path / "first" / ".metaflow").mkdir(parents=True)
    settle(connection, tmp_path / "first")
    assert settle(connection, tmp_path / "second") == []
    assert moves(connection) == {}
