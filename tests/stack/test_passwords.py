"""Passwords are made once, kept from others, and written as libpq reads them."""

from __future__ import annotations

import stat
from pathlib import Path

from metaflow_anywhere.stack.passwords import SERVICE_ROLE, ensure_passwords, read_passwords


def test_they_are_made_once(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "pgpass"
    first = ensure_passwords(path, None)
    assert ensure_passwords(path, None) == first == read_passwords(path)
    assert len(set(first.values())) == 2


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "pgpass"
    ensure_passwords(path, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_chosen_password_survives_the_characters_that_libpq_escapes(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "pgpass"
    ensure_passwords(path, "col:on\\back")
    assert read_passwords(path)[SERVICE_ROLE] == "col:on\\back"
    assert "col\\:on\\\\back" in path.read_text()


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "pgpass"
    path.parent.mkdir()
    path.write_text("half a li")
    assert set(ensure_passwords(path, None)) == {"postgres", SERVICE_ROLE}
