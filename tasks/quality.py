"""The project's own checks: lint, types, layers, unit tests and the scenarios of features/, as CI runs them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from invoke import Context, Exit, task

from metaflow_anywhere.environment import shell_umask
from metaflow_anywhere.errors import AnywhereError

PROJECT = Path(__file__).parent.parent
IN_CHECKOUT = (PROJECT / "pyproject.toml").is_file()  # a wheel holds no tests
WORKERS = "4"  # each file of tests has servers of its own, and waits for them for half of its time
# program -> Debian package. Scenarios use them to be another user, or in a network that leads nowhere.
NEEDED = {
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
    "ip": "iproute2",
    "tail": "coreutils",
    "rsync": "rsync",
    "chromium": "chromium",
}
UI = PROJECT / "ui"
LINT = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("mypy", "--explicit-package-bases", "tasks"),
    # Tests put their own in the place of what a module has imported.
    (
        "mypy",
        "--explicit-package-bases",
        "--implicit-reexport",
        "--allow-untyped-calls",
        "--no-warn-unused-ignores",
        "tests",
    ),
    ("lint-imports", "--no-logo", "--no-cache"),
)
PYTEST = ("pytest", "-n", WORKERS, "--dist", "loadfile")
UNIT = ("tests", "--ignore=tests/acceptance", "--ignore=tests/ui", "--ignore=tests/ui_backend", "--ignore=tests/stack")


@task(help={"long": "the long form of slow trials", "only": "only these tests (a path, or several with commas)"})
def test(c: Context, long: bool = False, only: str = "") -> None:
    """Lint, types and all tests of this project."""
    install_needed()
    check_ui()
    paths = only.split(",") if only else []
    run_steps([*LINT, [*PYTEST, *(["--long"] if long else []), *paths]])
    if not only:
        from tasks.newest_client import tell_of_newest_client

        print(tell_of_newest_client(), flush=True)


@task
def lint(c: Context) -> None:
    """Style, types and layers of the Python sources."""
    run_steps(LINT)


@task
def unit(c: Context) -> None:
    """Tests without Debian packages, Node and a browser."""
    run_steps([[*PYTEST, *UNIT]])


def run_steps(steps: Sequence[Sequence[str]]) -> None:
    """Run each program of this environment in turn; raises Exit with the status of the first that fails."""
    for program, *arguments in steps:
        print(f"$ {program} {' '.join(arguments)}", flush=True)
        command = [str(Path(sys.executable).with_name(program)), *arguments]
        done = subprocess.run(command, cwd=PROJECT, umask=shell_umask(), check=False)
        if done.returncode != 0:
            raise Exit(code=done.returncode)


def check_ui() -> None:
    """Types, lint and unit tests of the web UI's sources; and a build of them as they are now, for the browser."""
    from metaflow_anywhere.ui_backend import building

    lock, installed = UI / "package-lock.json", UI / "node_modules" / ".package-lock.json"
    try:
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            print("$ npm ci", flush=True)
            building.npm(UI, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        if not building.is_current():
            print("$ npm run build", flush=True)
            building.make(UI, building.BUILT)
    except building.BuildFailed as error:
        raise AnywhereError("the web UI cannot be built", why=str(error)) from error
    print("$ npm run check", flush=True)
    environment = building.node_environment(os.environ)
    done = subprocess.run(["npm", "run", "--silent", "check"], cwd=UI, env=environment, check=False)
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
