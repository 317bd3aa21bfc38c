"""What counts as another release: any line of code, any version of a required library, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_anywhere.release import code_digest, digest

METADATA = """Name: metaflow-anywhere
Requires-Dist: some-library<3,>=2
Requires-Dist: other; sys_platform == 'linux'
Requires-Dist: tester; extra == 'test'
"""


@pytest.fixture
def installed(tmp_path: Path) -> tuple[Path, Path]:
    """A package, and the folder of libraries that it is installed in."""
    libraries = tmp_path / "libraries"
    package = libraries / "metaflow_anywhere"
    (package / "inner" / "__pycache__").mkdir(parents=True)
    (package / "static").mkdir()
    (libraries / "sql").mkdir()
    (package / "a.py").write_text("one = 1\n")
    (package / "inner" / "b.py").write_text("two = 2\n")
    for name in ("metaflow_anywhere-0.1.0", "some_library-2.1.0", "other-1.0", "tester-8.0", "unrelated-1.0"):
        (libraries / f"{name}.dist-info").mkdir()
    (libraries / "metaflow_anywhere-0.1.0.dist-info" / "METADATA").write_text(METADATA)
    return package, libraries


@pytest.mark.parametrize(
    "change",
    [
        lambda package, libraries: (package / "inner" / "b.py").write_text("two = 3\n"),
        lambda package, libraries: (package / "new.py").write_text(""),
        lambda package, libraries: (package / "a.py").rename(package / "inner" / "a.py"),
        lambda package, libraries: (libraries / "sql" / "001_tables.sql").write_text("CREATE TABLE t (a int)"),
        lambda package, libraries: (libraries / "some_library-2.1.0.dist-info").rename(
            libraries / "Some.Library-2.2.0.dist-info"
        ),
    ],
    ids=["a line", "a file", "a move", "a step of the schema", "a library's release"],
)
def test_what_programs_run_is_another_release(installed: tuple[Path, Path], change: object) -> None:
    package, libraries = installed
    before = digest(package, [libraries])
    change(package, libraries)  # type: ignore[operator]
    assert digest(package, [libraries]) != before


def test_what_programs_do_not_run_is_none(installed: tuple[Path, Path]) -> None:
    package, libraries = installed
    before = digest(package, [libraries])
    (package / "inner" / "__pycache__" / "b.cpython-311.pyc").write_text("compiled")
    (package / "static" / "index.js").write_text("built")
    (package / "a.py").touch()
    (libraries / "tester-8.0.dist-info").rename(libraries / "tester-9.0.dist-info")
    (libraries / "unrelated-1.0.dist-info").rename(libraries / "unrelated-2.0.dist-info")
    assert digest(package, [libraries, libraries / "missing"]) == before


def test_this_installation_has_one() -> None:
    assert len(code_digest()) == 16
