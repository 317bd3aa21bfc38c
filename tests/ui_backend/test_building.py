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


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in LOCK.read_text()
