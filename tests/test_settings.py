"""Every setting has one value, one origin, and one clear error when it is wrong."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import MonkeyPatch

from metaflow_anywhere.far import places
from metaflow_anywhere.settings import Layer, SettingsError, as_environment, resolve, rows

NOTHING: dict[str, str] = {"MF_ROOT": "/tmp/somewhere"}


def test_each_source_wins_over_those_before_it() -> None:
    file, environ = [Layer("file: invoke.yaml", {"port": 7001})], {**NOTHING, "MF_PORT": "7002"}
    late = [Layer("file: given.yaml", {"port": 7003})]
    assert resolve(environ=NOTHING).port == 7860
    assert resolve(file, environ=NOTHING).port == 7001
    assert resolve(file, environ=environ).port == 7002
    assert resolve(file, environ=environ, late_files=late).port == 7003
    assert resolve(file, {"port": "7004"}, environ=environ, late_files=late).port == 7004


def test_every_value_knows_where_it_comes_from() -> None:
    found = resolve([Layer("file: invoke.yaml", {"runtime": "udocker"})], {"port": 7004, "root": None}, environ=NOTHING)
    assert found.origins["runtime"] == "file: invoke.yaml"
    assert found.origins["port"] == "option: --port"
    assert found.origins["root"] == "environment: MF_ROOT"
    assert found.origins["metadata_port"] == "default"
    assert found.is_default("metadata_port")


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("MF_PORT", "many", "not a port number"),
        ("MF_PORT", "0", "not a port number"),
        ("MF_UI_ORIGINS", "ui.example", "not a list of origins"),
        ("MF_UI_ORIGINS", "http://a/path", "not a list of origins"),
        ("MF_UI_ORIGINS", "http://a {\n", "not a list of origins"),
        ("MF_UI_ORIGINS", "*", "not a list of origins"),
        ("MF_RUNTIME", "docker", "not one of: embedded, udocker"),
        ("UI_EXT_URL", "localhost", "not a URL"),
        ("METAFLOW_USER", "a\nb", "not a name"),
    ],
)
def test_a_malformed_value_names_its_source(variable: str, value: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        resolve(environ={**NOTHING, variable: value})
    assert complaint in caught.value.what
    assert value in caught.value.what
    assert f"environment: {variable}" in caught.value.why


def test_an_unknown_setting_names_its_source_and_the_likely_one() -> None:
    with pytest.raises(SettingsError) as caught:
        resolve([Layer("file: invoke.yaml", {"runtme": "embedded"})], environ=NOTHING)
    assert "file: invoke.yaml" in caught.value.why
    assert "did you mean runtime?" in caught.value.why


def test_an_empty_variable_counts_as_not_set() -> None:
    assert resolve(environ={**NOTHING, "MF_PORT": ""}).port == 7860


def test_secrets_are_masked_even_in_complaints() -> None:
    found = resolve(environ={**NOTHING, "MF_METADATA_DB_PSWD": "open-sesame"})
    assert "open-sesame" not in str(rows(found))
    with pytest.raises(SettingsError) as caught:
        resolve(environ={**NOTHING, "MF_METADATA_DB_PSWD": "open sesame"})
    assert "open sesame" not in str(caught.value)


def test_every_setting_is_shown_with_its_meaning_and_variable() -> None:
    found = resolve(environ=NOTHING)
    shown = {row.name: row for row in rows(found)}
    assert set(shown) == {one.name for one in dataclasses.fields(found)} - {"origins"}
    assert all(row.meaning and row.env and row.origin for row in shown.values())


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        resolve(environ=NOTHING).port = 1  # type: ignore[misc]


def test_paths_follow_root_unless_they_are_set() -> None:
    found = resolve(environ={"MF_ROOT": "/tmp/here", "PGDATA_DIR": "/tmp/fast"})
    assert found.datastore_dir == Path("/tmp/here/datastore")
    assert found.pgdata_dir == Path("/tmp/fast")


def test_two_names_of_one_root_are_one_stack(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    ids = {resolve(environ={"MF_ROOT": str(tmp_path / name)}).stack_id for name in ("real", "link", "real/../link")}
    assert len(ids) == 1


def test_sockets_have_a_short_path_even_for_a_deep_state_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20)
    found = resolve(environ={**NOTHING, "MF_STATE_DIR": str(deep)})
    assert len(os.fsencode(found.run_dir / "db" / ".s.PGSQL.54320")) <= 107


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand PostgreSQL to another user")
def test_a_database_below_a_closed_folder_is_put_where_its_user_may_go(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    state = str(tmp_path / "state")
    found = resolve(environ={"MF_ROOT": str(closed / "root"), "MF_STATE_DIR": state})
    assert not found.pgdata_dir.is_relative_to(closed)
    assert "may not enter" in found.origins["pgdata_dir"]


@pytest.mark.parametrize("name", ["jane doe", "Müller, 数据", "DOMAIN\\jane", "o'neill"])
def test_people_have_names_of_several_words(name: str) -> None:
    assert resolve(environ={**NOTHING, "METAFLOW_USER": name}).client_user == name
    assert resolve(environ={**NOTHING, "USER": name}).client_user == name


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)
def test_what_a_program_is_told_is_what_it_reads(root: str, user: str) -> None:
    try:
        found = resolve(environ={"MF_ROOT": f"/tmp/{root}", "USER": user})
    except SettingsError as error:
        assert not user.isprintable() or not user.strip(), error
        return
    again = resolve(environ=as_environment(found))
    assert {row.name: row.value for row in rows(again)} == {row.name: row.value for row in rows(found)}


def test_a_path_with_a_line_break_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="line break"):
        resolve(environ={"MF_ROOT": "/srv/a\nb"})


@pytest.mark.parametrize("path", [b"/srv/caf\xe9", b"/srv/\xff\xfe/x"])
@pytest.mark.parametrize("variable", ["MF_ROOT", "DATASTORE_DIR"])
def test_a_path_that_the_database_could_not_hold_is_refused_by_name(variable: str, path: bytes) -> None:
    with pytest.raises(SettingsError, match="no text in UTF-8"):
        resolve(environ={variable: os.fsdecode(path)})


@pytest.mark.parametrize("host", ["a{b", 'a"b', "a b", "a`b"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match="ui_ext_url"):
        resolve(environ={**NOTHING, "UI_EXT_URL": f"http://{host}/x"})


@pytest.mark.parametrize("odd", ["a,b", "a'b", "a{x}", "a\\b", 'a"b'])
def test_sockets_have_a_path_that_means_the_same_to_everybody(odd: str) -> None:
    found = resolve(environ={**NOTHING, "MF_STATE_DIR": f"/s/{odd}"})
    assert odd not in str(found.run_dir)


@pytest.mark.parametrize("kind", ["exfat", "vfat", "fuseblk"])
def test_a_database_is_not_put_on_a_drive_without_owners(kind: str, tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /media/My\\040Drive {kind} rw 0 0\n")
    monkeypatch.setattr(places, "MOUNTS", mounts)
    environ = {"MF_ROOT": "/media/My Drive/root", "MF_STATE_DIR": "/s"}
    assert resolve(environ=environ).pgdata_dir.is_relative_to("/s")
    assert kind in resolve(environ=environ).origins["pgdata_dir"]
    found = resolve(environ=environ)
    assert found.datastore_dir.is_relative_to("/s") == (shutil.which("rsync") is not None)  # cards need links
    assert resolve(environ={**environ, "MF_ROOT": "/media/My Drivers"}).pgdata_dir == Path("/media/My Drivers/pgdata")


def test_who_has_no_home_is_told_what_to_set(monkeypatch: MonkeyPatch) -> None:
    def nowhere(name: str) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("platformdirs.user_state_path", nowhere)
    monkeypatch.setattr("os.geteuid", lambda: 1000670000)
    with pytest.raises(SettingsError, match="HOME"):
        resolve(environ=NOTHING)
    assert resolve(environ={**NOTHING, "MF_STATE_DIR": "/s"}).state_dir == Path("/s")
