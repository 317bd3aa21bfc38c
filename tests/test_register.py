"""A root remembers what it was brought up with; what cannot be read or is of no use any more counts as not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_anywhere.register import RECORD, forget, known, register_folder, remember, remembered
from metaflow_anywhere.settings import Settings, resolve


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    return tmp_path


def settings(home: Path, name: str = "root", **variables: str) -> Settings:
    named = {"MF_ROOT": str(home / name), "MF_STATE_DIR": str(home / "state"), **variables}
    return resolve(environ={env: value for env, value in named.items() if value})


def test_what_was_chosen_is_remembered_and_defaults_secrets_and_users_are_not(home: Path) -> None:
    brought_up = settings(home, MF_PORT="7999", MF_METADATA_DB_PSWD="open-sesame", METAFLOW_USER="ada")
    remember(brought_up)
    assert "open-sesame" not in (brought_up.stack_dir / RECORD).read_text()
    [layer] = remembered(settings(home))
    assert layer.values == {"port": "7999", "state_dir": str(home / "state")}


def test_a_root_finds_its_state_folder_when_that_is_not_named(home: Path) -> None:
    remember(settings(home, MF_PORT="7999"))
    [layer] = remembered(settings(home, MF_STATE_DIR=""))
    assert layer.values["state_dir"] == str(home / "state")


def test_other_roots_and_a_named_state_folder_stay_apart(home: Path) -> None:
    remember(settings(home, MF_PORT="7999"))
    assert remembered(settings(home, "other")) == []
    assert remembered(settings(home, MF_STATE_DIR=str(home / "elsewhere"))) == []
    assert [one.root for one in known(settings(home))] == [home / "root"]
    assert list(known(settings(home, MF_STATE_DIR=str(home / "elsewhere")))) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"settings": 3, "state_dir": "x"}', '{"root": 5}'])
def test_a_record_that_is_no_record_is_as_if_it_were_not_there(home: Path, text: str) -> None:
    one = settings(home, MF_PORT="7999")
    remember(one)
    (one.stack_dir / RECORD).write_text(text)
    assert all("port" not in layer.values for layer in remembered(one))
    assert list(known(one)) == []


def test_what_this_version_does_not_know_is_left_out(home: Path) -> None:
    one = settings(home, MF_PORT="7999")
    remember(one)
    record = one.stack_dir / RECORD
    record.write_text(record.read_text().replace('"port": "7999"', '"port": "7999", "warp": "9", "runtime": "magic"'))
    assert remembered(one)[0].values == {"port": "7999", "state_dir": str(home / "state")}


def test_what_is_forgotten_or_gone_leaves_the_register(home: Path) -> None:
    import shutil

    first, second, third = (settings(home, name) for name in ("a", "b", "c"))
    remember(first)
    remember(second)
    forget(first)
    shutil.rmtree(second.stack_dir)
    remember(third)
    assert [entry.name for entry in register_folder().iterdir()] == [third.stack_id]
