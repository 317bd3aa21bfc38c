"""Whether Metaflow's newest client works too: said at the end of a run of the tests, and no reason for it to fail.

A client that was released after this project's last change is nobody's mistake, and an index that cannot be reached is
none either. Whoever runs the tests is told all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import metaflow

PROJECT = Path(__file__).parent.parent
ASK = ("pip", "install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed", "--disable-pip-version-check",
       "--retries", "1", "--timeout", "5", "--report", "-", "metaflow")  # fmt: skip
TRY = ("pytest", "tests/service/test_clients.py", "-q", "-k", "newest", "--newest-client")
TRY_BY_HAND = f"{' '.join(TRY[:2])} --newest-client"
ASK_SECONDS = 20
TRY_SECONDS = 120  # fetching it and one small flow take 20
END_SECONDS = 10  # for the servers that the test has started
SHOWN_LINES = 25


def tell_of_newest_client() -> str:
    """Try the newest client of the package index unless it is the installed one; the sentence that is to be printed."""
    installed = str(metaflow.__version__)
    status, report = _run(ASK, ASK_SECONDS, errors=False)
    try:
        newest = str(json.loads(report)["install"][0]["metadata"]["version"]) if status == 0 else ""
    except (ValueError, LookupError, TypeError):
        newest = ""
    if not newest:
        return "Metaflow's newest client was not tried: the package index did not say which one that is"
    if newest == installed:
        return f"Metaflow's newest client, {newest}, is the one that was tested"
    status, printed = _run(TRY, TRY_SECONDS)
    if status == 0:
        what = "works too" if " passed" in printed else "could not be fetched, and was not tried"
        return f"Metaflow's newest client, {newest}, {what}"
    last = "\n".join(printed.splitlines()[-SHOWN_LINES:])
    what = "FAILS here" if status is not None else f"was not done after {TRY_SECONDS} s"
    return (
        f"{last}\nWARNING: Metaflow's newest client, {newest}, {what} (tested with {installed}). "
        f"To see it again: {TRY_BY_HAND}"
    )


def _run(command: Sequence[str], seconds: float, *, errors: bool = True) -> tuple[int | None, str]:
    """The status and the output of a module of this Python; no status if it was ended when its time was over."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if errors else subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    for patience, end in ((seconds, signal.SIGINT), (END_SECONDS, signal.SIGKILL)):
        try:
            printed, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, end)
        else:
            return (process.returncode if end == signal.SIGINT else None), printed
    return None, process.communicate()[0]
