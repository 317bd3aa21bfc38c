"""The one way in which a user's mistake or a broken surrounding is told: what, why, which log, what to run next."""

from __future__ import annotations

from pathlib import Path

LAST_LINES = 12  # enough for a PostgreSQL start-up failure, few enough to stay on one screen


class AnywhereError(Exception):
    """Something the user can understand and mend; never shown with a traceback.

    ``what`` failed, in one sentence; ``why``; ``log`` the file to look at (its last lines are shown); ``run`` the one
    command to run next.
    """

    def __init__(self, what: str, *, why: str = "", log: Path | None = None, run: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.log = log
        self.run = run

    def __str__(self) -> str:
        return f"{self.what}: {self.why}" if self.why else self.what

    def lines(self) -> list[str]:
        """The whole message, a line each, as it is printed."""
        told = [self.what]
        told += [f"  why: {line}" if i == 0 else f"       {line}" for i, line in enumerate(self.why.splitlines())]
        if self.log is not None:
            told.append(f"  log: {self.log}")
            told += [f"     | {line}" for line in last_lines(self.log)]
        if self.run:
            told.append(f"  run: {self.run}")
        return told


class Explained(AnywhereError):
    """Its words are all there is to know: what a program wrote to its log meanwhile has nothing to do with it."""


class Overtaken(Explained):
    """Another command of the user's is why: told once for all that it stopped."""


def last_lines(path: Path, count: int = LAST_LINES) -> list[str]:
    """The last ``count`` lines of a log; none if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 400 * count))
            return file.read().decode("utf-8", "replace").splitlines()[-count:]
    except OSError:
        return []


def reason(error: OSError) -> str:
    """The operating system's own words for ``error`` and the path it is about, without the errno noise."""
    return f"{error.strerror or error} ({error.filename})" if error.filename else str(error.strerror or error)
