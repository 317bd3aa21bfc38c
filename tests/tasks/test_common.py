"""Options and Invoke's configuration files become settings, each with the origin that the user knows it by."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke import Config, Context

from metaflow_anywhere import hints
from metaflow_anywhere.settings import SettingsError
from tasks.common import settings_of


def context(folder: Path, project: str = "", given: str = "") -> Context:
    """A context as Invoke makes it for a project's folder, and a file given by ``invoke -f``."""
    (folder / "invoke.yaml").write_text(project)
    (folder / "given.yaml").write_text(given)
    config = Config(project_location=folder, runtime_path=folder / "given.yaml", lazy=True)
    config.load_base_conf_files()
    config.load_project()
    config.load_runtime()
    return Context(config)


@pytest.fixture(autouse=True)
def nothing_else_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hints, "_typed", hints.Typed())  # what is remembered here is for this test's hints only
    monkeypatch.setenv("MF_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("MF_STATE_DIR", str(tmp_path / "state"))
    for name in ("MF_PORT", "MF_METADATA_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_a_line_in_the_projects_file_counts_and_is_named(tmp_path: Path) -> None:
    found = settings_of(context(tmp_path, "anywhere:\n  port: 7001\n"), {})
    assert found.port == 7001
    assert found.origins["port"] == f"file: {tmp_path}/invoke.yaml"


def test_the_environment_wins_over_the_projects_file_and_a_given_file_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MF_PORT", "7002")
    assert settings_of(context(tmp_path, "anywhere:\n  port: 7001\n"), {}).port == 7002
    assert settings_of(context(tmp_path, "anywhere:\n  port: 7001\n", "anywhere:\n  port: 7003\n"), {}).port == 7003


def test_options_win_over_everything(tmp_path: Path) -> None:
    c = context(tmp_path, "", "anywhere:\n  port: 7003\n")
    assert settings_of(c, {"port": "7004"}).port == 7004
    assert settings_of(c, {"set": ["metadata-port=7005"]}).metadata_port == 7005


def test_an_unknown_key_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(context(tmp_path, "anywhere:\n  prot: 1\n"), {})
    assert f"{tmp_path}/invoke.yaml" in caught.value.why


def test_a_section_that_is_no_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not a section"):
        settings_of(context(tmp_path, "anywhere: 7860\n"), {})


def test_a_set_without_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="name=value"):
        settings_of(context(tmp_path), {"set": ["port"]})
