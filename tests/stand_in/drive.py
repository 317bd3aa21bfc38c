"""The stand-in drive as tests and benchmarks use it."""

from __future__ import annotations

import contextlib
import mmap
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from tests.stand_in.mounting import CONTROL, cannot_mount, unmount

END_SECONDS = 10.0


class StandInDrive:
    """A drive mounted at ``folder``/drive whose files are really in ``folder``/backing."""

    def __init__(self, folder: Path) -> None:
        self.point, self.backing = folder / "drive", folder / "backing"
        self._control, self._trace = folder / "control", folder / "trace"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> StandInDrive:
        self.point.mkdir(parents=True)
        self.backing.mkdir()
        self._control.write_bytes(CONTROL.pack(0.0, 0))
        with self._control.open("r+b") as file:
            self._told = mmap.mmap(file.fileno(), CONTROL.size)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stand_in.server", self.point, self.backing, self._control, self._trace],
            stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert self._process.stdout
        if self._process.stdout.readline().strip() != "mounted":
            raise OSError(f"no stand-in drive: {cannot_mount(self.point)}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._told[:] = CONTROL.pack(0.0, 0)
        unmount(self.point)
        assert self._process
        self._process.kill()  # which frees whoever still waits for an answer
        self._process.wait(END_SECONDS)

    def tell(self, *, delay: float = 0.0, hangs: bool = False) -> None:
        """From now on each operation takes ``delay`` seconds, or for ever."""
        self._told[:] = CONTROL.pack(delay, int(hangs))

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """No operation ends while the block lasts."""
        self.tell(hangs=True)
        try:
            yield
        finally:
            self.tell()

    def asked(self) -> list[str]:
        """What it was asked so far, in order: an operation and the path of each."""
        lines = self._trace.read_text().splitlines() if self._trace.exists() else []
        return [line.partition(" ")[2].replace(str(self.backing), "") for line in lines]

    @contextlib.contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Yields a count, filled at the end of the block, of what it was asked meanwhile."""
        before, count = len(self.asked()), Counter[str]()
        yield count
        count.update(line.partition(" ")[0] for line in self.asked()[before:])
