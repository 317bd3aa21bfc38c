"""The project's own tests: lint, types, unit tests and the scenarios of features/, as CI runs them."""

import shutil
import subprocess
import sys
from pathlib import Path

from invoke import Context, Exit, task

from metaflow_anywhere.errors import AnywhereError

PROJECT = Path(__file__).parent.parent
WORKERS = "2"  # every file of tests has servers of its own; more of them at once than cores would only wait
# program -> Debian package. Scenarios use them to be another user, or in a network that leads nowhere.
NEEDED = {
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
    "ip": "iproute2",
    "tail": "coreutils",
    "rsync": "rsync",
}


@task(help={"long": "the long form of slow trials", "only": "only these tests (a path, or several with commas)"})
def test(c: Context, long: bool = False, only: str = "") -> None:
    """Lint, types and all tests of this project."""
    install_needed()
    steps = [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["mypy", "--explicit-package-bases", "tasks"],
    ]
    paths = only.split(",") if only else []
    steps.append(["pytest", "-n", WORKERS, "--dist", "loadfile", *(["--long"] if long else []), *paths])
    for module, *arguments in steps:
        print(f"$ {module} {' '.join(arguments)}", flush=True)
        done = subprocess.run([sys.executable, "-m", module, *arguments], cwd=PROJECT, check=False)
        if done.returncode != 0:
            raise Exit(code=done.returncode)


def install_needed() -> None:
    """Install what tests need beyond Python; raises AnywhereError naming the packages where that is not possible."""
    missing = sorted({package for program, package in NEEDED.items() if shutil.which(program) is None})
    if not missing:
        return
    commands = [["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", *missing]]
    if not all(subprocess.run(command, check=False).returncode == 0 for command in commands):
        raise AnywhereError(
            f"the tests need {', '.join(missing)}", why="they could not be installed",
            run=f"sudo apt-get install {' '.join(missing)}",
        )  # fmt: skip
