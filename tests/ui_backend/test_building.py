"""What is built is kept while it is that of the sources, and a build that fails says why and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_anywhere.ui_backend import building

LOCK = Path(__file__).parents[2] / "ui" / "package-lock.json"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with sources that cannot be built: npm has no such package, and no registry to ask."""
    sources = tmp_path / "ui"
    (sources / "src").mkdir(parents=True)
    (sources / "package.json").write_text('{"name": "ui", "dependencies": {"nothing": "^1"}}')
    (sources / "src" / "main.ts").write_text("1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9/")
    monkeypatch.setenv("NPM_CONFIG_CACHE", str(tmp_path / "cache"))
    return tmp_path


def built(project: Path) -> Path:
    folder = project / "metaflow_anywhere" / "ui_backend" / "static"
    folder.mkdir(parents=True)
    (folder / building.MARK).write_text(building.digest(project / "ui"))
    return folder


def test_a_build_of_these_very_sources_is_kept_whatever_the_times_of_files_are(project: Path) -> None:
    folder = built(project)
    (project / "ui" / "src" / "main.ts").touch()
    building.build("wheel", "editable")
    assert building.is_current(folder, project / "ui")


@pytest.mark.parametrize("name", ["src/main.ts", "src/new.ts", "package.json", "vite.config.ts"])
def test_any_change_of_the_sources_asks_for_a_build(project: Path, name: str) -> None:
    folder = built(project)
    (project / "ui" / name).write_text("changed")
    assert not building.is_current(folder, project / "ui")


@pytest.mark.parametrize("name", ["src/main.test.ts", "node_modules/x.js", "dist/x.js", "README.md", ".cache"])
def test_what_does_not_change_what_is_built_does_not(project: Path, name: str) -> None:
    folder = built(project)
    path = project / "ui" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("changed")
    assert building.is_current(folder, project / "ui")


def test_a_wheel_has_no_sources_and_what_it_has_is_current(tmp_path: Path) -> None:
    assert building.is_current(tmp_path, tmp_path / "ui")


def test_a_build_that_fails_says_why_and_what_to_do_and_leaves_what_was_there(project: Path) -> None:
    folder = built(project)
    (project / "ui" / "src" / "main.ts").write_text("changed")
    (folder / "index.html").write_text("the old one")
    with pytest.raises(SystemExit) as ended:
        building.build("wheel", "standard")
    said = str(ended.value.code)
    assert "`npm ci` ended with status" in said
    assert "registry" in said
    assert (folder / "index.html").read_text() == "the old one"


def test_a_clone_has_a_page_that_says_so_where_the_ui_cannot_be_built(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "ui" / "src" / "main.ts").write_text("changed")
    building.build("wheel", "editable")
    page = project / "metaflow_anywhere" / "ui_backend" / "static"
    assert "was not built" in (page / "index.html").read_text()
    assert "`npm ci` ended with status" in capsys.readouterr().err
    assert not building.is_current(page, project / "ui")


@pytest.fixture
def path_without_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole path, and no Node beside Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(building.sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put_node(folder: Path, version: str) -> None:
    for name, told in (("node", version), ("npm", "10.0.0")):
        (folder / name).write_text(f"#!/bin/sh\necho {told}\n")
        (folder / name).chmod(0o755)


def test_pip_gets_node_only_where_the_ui_must_be_built_and_no_node_will_do(
    project: Path, path_without_node: Path
) -> None:
    assert building.requirements(project) == [building.NODE_WHEEL]
    for version in ("v18.20.4", "v20.18.0", "v21.7.3", "v22.11.0", "nonsense"):
        put_node(path_without_node, version)
        assert building.requirements(project) == [building.NODE_WHEEL], version
    for version in ("v20.19.0", "v22.12.0", "v24.1.0"):
        put_node(path_without_node, version)
        assert building.requirements(project) == [], version
    (path_without_node / "npm").unlink()
    assert building.requirements(project) == [building.NODE_WHEEL]
    built(project)
    assert building.requirements(project) == []


def test_a_wheel_is_not_made_where_there_is_no_npm(project: Path, path_without_node: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        building.build("wheel", "standard")
    assert "there is no npm" in str(ended.value.code)


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in LOCK.read_text()
