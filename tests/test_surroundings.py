"""The shell's umask, its variables for other databases, and its encoding do not change what we do."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from metaflow_anywhere.modes import PASSABLE_FOLDER, PRIVATE_FOLDER, make_folder

BEGIN = "import os; from metaflow_anywhere import environment, terminal; environment.leave_shell_behind(); "


def python(text: str, environ: dict[str, str], umask: int = 0o022) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + text], env={"PATH": os.environ["PATH"], **environ}, umask=umask,
        capture_output=True, check=False,
    )  # fmt: skip


def test_variables_of_libpq_are_not_heeded_but_handed_on() -> None:
    shell = {"PGPASSWORD": "x", "PGSERVICE": "y", "PGNEWTHING": "z", "PGDATA_DIR": "/data"}
    told = "print(sorted(n for n in os.environ if n[:2] == 'PG'), environment.shell_environment()['PGPASSWORD'])"
    assert python(told, shell).stdout.decode().strip() == "['PGDATA_DIR'] x"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_new_files_are_private_and_the_shells_umask_is_handed_on(umask: int, tmp_path: Path) -> None:
    text = f"open({str(tmp_path / 'f')!r}, 'w'); print(environment.shell_umask())"
    assert python(text, {}, umask).stdout.decode().strip() == str(umask)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("encoding", "said"), [("latin-1", b"+ \xb7 x"), ("ascii", b"+ . x"), ("utf-8", "✓ · ✗".encode())]
)
def test_what_a_terminal_cannot_show_is_replaced(encoding: str, said: bytes) -> None:
    text = "terminal.replace_what_cannot_be_shown(); print('✓ · ✗')"
    assert python(text, {"PYTHONIOENCODING": encoding}).stdout.strip() == said


def test_a_path_that_is_no_text_is_printed_byte_for_byte() -> None:
    text = "terminal.replace_what_cannot_be_shown(); print('/caf\\udce9')"
    assert python(text, {"PYTHONIOENCODING": "utf-8"}).stdout.strip() == b"/caf\xe9"


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_folders_have_the_modes_they_are_given(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        make_folder(tmp_path / "a" / "b" / "c", PRIVATE_FOLDER, PASSABLE_FOLDER)
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / path).stat().st_mode) for path in ("a", "a/b", "a/b/c")] == [0o711, 0o711, 0o700]
