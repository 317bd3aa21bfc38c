"""Files of a database that are damaged lead to the mirror; a start that fails for another reason does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import Stack
from metaflow_anywhere.stack.stages.damage import explained

DAMAGED = [
    'FATAL:  could not open file "global/pg_filenode.map": No such file or directory',
    'FATAL:  could not read file "global/pg_control": read 0 of 296',
    "PANIC:  could not locate a valid checkpoint record at 0/1C00028",
    'PANIC:  could not open file "pg_logical/replorigin_checkpoint": Input/output error',
    "FATAL:  incorrect checksum in control file",
    'ERROR:  invalid page in block 3 of relation "base/16385/16393"',
]
SOUND = [
    'FATAL:  could not write lock file "postmaster.pid": No space left on device',
    'FATAL:  data directory "/x" has invalid permissions',
    'FATAL:  could not create shared memory segment: Cannot allocate memory',
    'FATAL:  could not open file "/x/postgresql.conf": Permission denied',
    'LOG:  invalid record length at 0/1C00028: expected at least 24, got 0',
    'FATAL:  lock file "postmaster.pid" already exists',
]  # fmt: skip


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    made = Stack(resolve(environ={"MF_ROOT": str(tmp_path / "root"), "MF_STATE_DIR": str(tmp_path / "state")}))
    (made.settings.pgdata_dir / "global").mkdir(parents=True)
    (made.settings.pgdata_dir / "global" / "pg_control").touch()
    (made.settings.pgdata_dir / "PG_VERSION").write_text("18")
    return made


BEGAN = 1.7e9


def told(stack: Stack, error: Exception, *lines: str) -> str:
    log = stack.settings.pgdata_dir.parent / "log"
    log.write_text("".join(f"2026-11-22 10:00:00.000 UTC [7] {line}\n" for line in lines))
    found = explained(stack, error, log, BEGAN)
    return "\n".join(found.lines()) if isinstance(found, AnywhereError) else str(found)


@pytest.mark.parametrize("line", DAMAGED)
def test_damage_is_told_with_the_way_back(stack: Stack, line: str) -> None:
    text = told(stack, AnywhereError("database does not stay up"), "LOG:  starting", line)
    assert "are damaged" in text
    assert "invoke restore-snapshot --replace" in text
    assert line.partition(":  ")[2] in text


@pytest.mark.parametrize("line", SOUND)
def test_what_keeps_sound_files_from_starting_is_not_told_as_damage(stack: Stack, line: str) -> None:
    assert "restore-snapshot" not in told(stack, AnywhereError("database does not stay up"), line)


def test_what_was_said_before_this_start_does_not_count(stack: Stack) -> None:
    log = stack.settings.pgdata_dir.parent / "log"
    log.write_text(f"2022-11-22 10:00:00.000 UTC [7] {DAMAGED[0]}\n")
    assert isinstance(error := explained(stack, AnywhereError("it ends"), log, BEGAN), AnywhereError)
    assert not error.run


def test_files_that_are_missing(stack: Stack) -> None:
    gone = FileNotFoundError(2, "No such file or directory", str(stack.settings.pgdata_dir / "postgresql.conf"))
    assert "postgresql.conf is missing" in told(stack, gone)
    assert "restore-snapshot" not in told(stack, FileNotFoundError(2, "No such file or directory", "/usr/bin/x"))
    (stack.settings.pgdata_dir / "PG_VERSION").unlink()
    assert "PG_VERSION is missing" in told(stack, AnywhereError("it holds no cluster", run="set PGDATA_DIR"))


def test_an_error_that_names_its_own_way_out_keeps_it(stack: Stack) -> None:
    text = told(stack, AnywhereError("of another major version", run="pip install this"), DAMAGED[0])
    assert "pip install this" in text
