"""Runs the bundled flow as a user would, in processes of its own, and reports what came back."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from metaflow_anywhere.environment import TEXT, shell_umask
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command
from metaflow_anywhere.modes import open_private

HERE = Path(__file__).parent


def say_hello(environment: Mapping[str, str], log: Path, say: Callable[[str], None]) -> None:
    """Run the flow against the stack that ``environment`` points at; raises AnywhereError unless all reads back.

    Works in a folder of its own, so that nothing is left in the user's.
    """
    with tempfile.TemporaryDirectory(prefix="mfa-hello-") as name:
        folder = Path(name)
        run_id = folder / "run-id"
        _step("the flow", [HERE / "flow.py", "--quiet", "run", "--run-id-file", run_id], environment, folder, log, say)
        say(f"ran HelloAnywhere/{run_id.read_text().strip()}; reading it back through the Client API:")
        _step("reading it back", [HERE / "check.py", run_id], environment, folder, log, say)


def _step(
    what: str,
    arguments: list[Path | str],
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    say: Callable[[str], None],
) -> None:
    words = [sys.executable, *map(str, arguments)]
    with open_private(log, "a", encoding="utf-8") as file:
        done = subprocess.run(
            words, cwd=folder, env={**environment, **TEXT}, umask=shell_umask(), stdout=subprocess.PIPE, stderr=file,
            encoding="utf-8", errors="replace", check=False,
        )  # fmt: skip
        file.write(done.stdout)
    for line in done.stdout.splitlines():
        if line.startswith("  ✓") or line.startswith("  ✗"):
            say(line)
    if done.returncode != 0:
        raise AnywhereError(
            f"hello: {what} failed", why=f"exit status {done.returncode}", log=log, run=command("doctor")
        )
