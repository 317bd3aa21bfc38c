"""The program ``watchdog``: asks the others for a sign of life, and has those restarted that hang.

The supervisor brings back what dies; what hangs does not die. Only those are touched that should run (their supervisor
says so), and only by signals: it is the supervisor that starts them again, unless somebody stopped them meanwhile.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from metaflow_anywhere.graph.progress import Progress
from metaflow_anywhere.later import psutil
from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack.healing import Healing, Restart, read_healing, write_healing
from metaflow_anywhere.stack.liveness import SIGNS, silence
from metaflow_anywhere.stack.stack import DATABASE_STOP_SECONDS, WATCHDOG, Stack
from metaflow_anywhere.stack.supervision import Info

ASK_SECONDS = 5.0  # between two rounds
ANSWER_SECONDS = 10.0  # a sign of life takes milliseconds; on two cores with a load of 15, one or two seconds
SILENT_SECONDS = (
    30.0  # and with the restart still within the minute of silence after which Metaflow takes tasks for dead
)
DATABASE_SILENT_SECONDS = 60.0  # it has the most to lose, and its clients wait for it
START_SECONDS = 60.0  # until its first answer; importing and opening may take so long on a busy machine
FEWEST_ASKED = 3  # one unanswered question may have met a pause of the whole machine
MACHINE_PROGRAMS = 3  # as many silent at once are held up by the machine, not by themselves ...
MACHINE_FACTOR = 4.0  # ... unless it goes on for much longer
LATE_SECONDS = 3.0  # a round of ours that begins so much too late says that we got no turn either
POLITE_SECONDS = 3.0
LONGEST_PAUSE_SECONDS = 600.0  # between restarts of a program that goes on hanging
CALM_SECONDS = 1800.0  # after which an earlier restart is no sign of a program that goes on hanging


@dataclass
class Patience:
    """How long one program has been silent, and how long it may be. Times are of one clock that never goes back."""

    limit: float
    since: float | None = None
    asked: int = 0
    restarts: list[float] = field(default_factory=list)

    def heard(self) -> None:
        """It answered, or nobody can say: the count begins anew."""
        self.since, self.asked = None, 0

    def missed(self, asked_at: float) -> None:
        """It did not answer a question that was asked at ``asked_at``."""
        self.since = asked_at if self.since is None else self.since
        self.asked += 1

    def is_over(self, now: float, factor: float = 1.0) -> bool:
        """Whether it has been silent for too long."""
        if self.since is None or self.asked < FEWEST_ASKED or now - self.since < self.limit * factor:
            return False
        lately = [at for at in self.restarts if now - at < CALM_SECONDS]
        pause = min(self.limit * 2 ** len(lately), LONGEST_PAUSE_SECONDS) if lately else 0.0
        return not lately or now - lately[-1] >= pause


class Watchdog:
    """Watches ``stack``; ``say`` gets a line for the log on each thing that it notices or does."""

    def __init__(self, stack: Stack, say: Callable[[str], None]) -> None:
        self.stack, self.say = stack, say
        self.healing = read_healing(stack.healing_file) or Healing()
        self.patience = {
            name: Patience(DATABASE_SILENT_SECONDS if name == "database" else SILENT_SECONDS) for name in SIGNS
        }
        self._ready: dict[str, int | None] = {}  # the process that has answered once
        self._pids: dict[str, int | None] = {}
        self._alone = False
        self._pool = ThreadPoolExecutor(len(SIGNS))

    def run(self) -> None:
        """Watch until this process is ended."""
        while True:
            began = time.monotonic()
            self.round()
            write_healing(self.stack.healing_file, self.healing)
            due = max(time.monotonic(), began + ASK_SECONDS)
            time.sleep(max(0.0, due - time.monotonic()))
            if time.monotonic() - due > LATE_SECONDS:
                for one in self.patience.values():
                    one.heard()

    def round(self) -> None:
        """Ask everybody once, and act on who has been silent for too long."""
        infos = self.stack.supervisor.programs()
        if self._alone != (not infos):
            self._alone = not infos
            self.say("the supervisor does not answer" if self._alone else "the supervisor answers again")
        watched = {name: info for name in SIGNS if (info := infos.get(name)) and self._counts(info)}
        asked_at = time.monotonic()
        whys = dict(zip(watched, self._pool.map(self._ask, watched), strict=True))
        for name, why in whys.items():
            if not why:
                self._ready[name] = watched[name].pid
        silent = [name for name, why in whys.items() if why and self._should_answer(watched[name])]
        for name in SIGNS:
            if name in silent:
                self.patience[name].missed(asked_at)
            else:
                self.patience[name].heard()
        factor = MACHINE_FACTOR if len(silent) >= MACHINE_PROGRAMS else 1.0
        for name in silent:
            if self.patience[name].is_over(time.monotonic(), factor):
                self._restart(watched[name], whys[name])

    def _ask(self, name: str) -> str:
        return silence(self.stack, name, ANSWER_SECONDS)

    def _counts(self, info: Info) -> bool:
        """Whether the program runs; the count begins anew with each of its processes."""
        if info.state != "RUNNING":
            self._pids[info.name] = None
            return False
        if self._pids.get(info.name) != info.pid:
            self._pids[info.name] = info.pid
            self.patience[info.name].heard()
        return True

    def _should_answer(self, info: Info) -> bool:
        """Whether the program has answered before, or has had the time to get ready."""
        return self._ready.get(info.name) == info.pid or time.time() - info.since > START_SECONDS

    def _restart(self, info: Info, why: str) -> None:
        patience = self.patience[info.name]
        silent = time.monotonic() - (patience.since or time.monotonic())
        if info.name == "database" and self._continued(info):
            did = "continued"
            self.say(f"database was stopped by a signal for {silent:.0f} s: continued")
        else:
            did = "restarted"
            self.say(f"{info.name} did not answer for {silent:.0f} s ({why}): restarting it")
            done = self._end_database(info) if info.name == "database" else self._end(info)
            self.say(f"{info.name}: {done}")
        self.healing.restarts.append(Restart(info.name, time.time(), round(silent, 1), why, did))
        patience.restarts.append(time.monotonic())
        patience.heard()

    def _continued(self, info: Info) -> bool:
        """Whether the process had been stopped by a signal, and now goes on."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(info.pid)
            if process.status() == psutil.STATUS_STOPPED:
                process.send_signal(signal.SIGCONT)
                return True
        return False

    def _end(self, info: Info) -> str:
        """End a program that loses nothing by it: politely, then by force, and what it had started too."""
        children: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(info.pid).children(recursive=True)
        ended = self._signal(info, "TERM", POLITE_SECONDS) or self._signal(info, "KILL", ANSWER_SECONDS)
        for one in children:
            with contextlib.suppress(psutil.Error):
                one.kill()
        return "it was ended" if ended else "it cannot be ended, not even by force"

    def _end_database(self, info: Info) -> str:
        """A fast shutdown; if nothing comes of it, one at once, after which PostgreSQL recovers by itself. Never more:
        a killed PostgreSQL leaves processes that keep the next one from starting."""
        if self._signal(info, "INT", DATABASE_STOP_SECONDS):
            return "it was shut down"
        return "it was ended at once" if self._signal(info, "QUIT", DATABASE_STOP_SECONDS) else "it does not end"

    def _signal(self, info: Info, name: str, seconds: float) -> bool:
        """Signal the process that ``info`` tells of, and wait for its end; True if it is gone."""
        supervisor, deadline = self.stack.supervisor, time.monotonic() + seconds
        with contextlib.suppress(OSError):
            supervisor.signal(info.name, name)
        while time.monotonic() < deadline:
            now = supervisor.info(info.name)
            if now is not None and now.pid != info.pid:
                return True
            time.sleep(0.1)
            write_healing(self.stack.healing_file, self.healing)
        return False


def keep(stack: Stack, progress: Progress) -> None:
    """Have a watchdog that runs and does not hang itself."""
    info, healing = stack.supervisor.info(WATCHDOG), read_healing(stack.healing_file)
    if info is None:
        stack.ensure_supervisor(progress)
    elif stack.supervisor.renew(stack.watchdog_program()) or not info.running:
        stack.supervisor.start(WATCHDOG)
    elif time.time() - info.since > START_SECONDS and not (healing and healing.alive):
        progress.say("the watchdog hangs: restarting it")
        stack.supervisor.stop(WATCHDOG)
        stack.supervisor.start(WATCHDOG)


def main() -> None:
    """Watch the stack that the environment names."""
    Watchdog(Stack(resolve()), lambda text: print(f"{time.strftime('%F %T')} {text}", flush=True)).run()


if __name__ == "__main__":
    main()
