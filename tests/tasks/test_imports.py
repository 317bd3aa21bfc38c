"""A verb imports what it needs when it runs: what is costly is not imported for those that can do without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
COSTLY = {"aiohttp", "fabric", "metaflow", "psutil", "psycopg", "requests", "rich", "supervisor", "uvloop"}
ASK = """
import json, sys
from invoke.main import program
try:
    program.run(["invoke", *sys.argv[1:]], exit=False)
finally:
    print("IMPORTED " + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def costly_imports(folder: Path, *arguments: str) -> set[str]:
    """Which costly packages ``invoke`` imports when it is called with ``arguments``."""
    environment = {**os.environ, "MF_ROOT": str(folder / "root"), "MF_STATE_DIR": str(folder / "state"),
                   "HOME": str(folder)}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", ASK, *arguments], cwd=PROJECT, env=environment, capture_output=True,
                          text=True, check=False)  # fmt: skip
    return COSTLY & set(json.loads(done.stderr.rpartition("IMPORTED ")[2]))


@pytest.mark.parametrize("arguments", [["--list"], ["--version"], ["up", "--help"]])
def test_what_only_tells_of_verbs_imports_nothing_costly(tmp_path: Path, arguments: list[str]) -> None:
    assert costly_imports(tmp_path, *arguments) == set()


def test_a_status_of_what_is_down_and_env_import_nothing_costly_but_to_look_at_processes(tmp_path: Path) -> None:
    assert costly_imports(tmp_path, "status") <= {"psutil"}
    assert costly_imports(tmp_path, "env") <= {"psutil"}
