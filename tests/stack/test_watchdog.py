"""When the watchdog acts and when it waits; and what counts as a sign of life, against real servers."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from metaflow_anywhere.graph import NotYet, Progress, wait_until
from metaflow_anywhere.postgres import Cluster
from metaflow_anywhere.stack import liveness, watchdog
from metaflow_anywhere.stack.healing import Healing, Restart, read_healing, write_healing
from metaflow_anywhere.stack.supervision import Program, Supervisor
from metaflow_anywhere.stack.watchdog import MACHINE_FACTOR, SILENT_SECONDS, Patience, Watchdog

# A server on a Unix socket that answers each connection, as long as it is not stopped.
SERVER = """
import socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen(99)
while True:
    one, _ = server.accept(); one.recv(9999)
    one.sendall(b"HTTP/1.0 503 Busy\\r\\n\\r\\n"); one.close()
"""


def silent_for(seconds: float, every: float = 15.0) -> Patience:
    one = Patience(SILENT_SECONDS)
    for step in range(int(seconds / every) + 1):
        one.missed(step * every)
    return one


def test_a_short_silence_is_borne() -> None:
    assert not silent_for(15).is_over(20)


def test_a_long_silence_is_not() -> None:
    assert silent_for(45).is_over(46)


def test_one_long_pause_of_the_machine_is_no_silence() -> None:
    one = Patience(SILENT_SECONDS)
    one.missed(0)
    one.missed(100)  # two questions only, however long they took
    assert not one.is_over(110)


def test_an_answer_begins_the_count_anew() -> None:
    one = silent_for(45)
    one.heard()
    one.missed(46)
    assert not one.is_over(76)


def test_where_most_are_silent_the_machine_is_given_time() -> None:
    assert not silent_for(45).is_over(46, MACHINE_FACTOR)
    assert silent_for(135).is_over(136, MACHINE_FACTOR)


def test_a_program_that_goes_on_hanging_is_restarted_less_and_less_often() -> None:
    one, now, restarts = Patience(SILENT_SECONDS), 0.0, []
    while now < 7200:
        one.missed(now)
        now += 15
        if one.is_over(now):
            restarts.append(now)
            one.restarts.append(now)
            one.heard()
    pauses = [later - earlier for earlier, later in itertools.pairwise(restarts)]
    assert pauses[0] < pauses[3]
    assert len(restarts) < 7200 / 300


def test_what_was_done_is_told_for_a_day(tmp_path: Path) -> None:
    now = time.time()
    kept = Healing(restarts=[Restart("ui", now - 90000, 31, "x"), Restart("service", now - 60, 31, "no answer")])
    write_healing(tmp_path / "w.json", kept)
    found = read_healing(tmp_path / "w.json")
    assert found is not None and found.alive
    assert found.last("ui") is None
    assert found.last("service") == kept.restarts[1]


def test_a_database_answers_until_it_is_stopped(postgres_cluster: Cluster, postgres_conninfo: str) -> None:
    words = dict(word.split("=") for word in postgres_conninfo.split())
    address = f"{words['host']}/.s.PGSQL.{words['port']}"
    stack = cast(Any, SimpleNamespace(address=lambda name: address))
    assert liveness.silence(stack, "database", 10) == ""
    server = psutil.Process(postgres_cluster.server_pid())
    server.suspend()
    try:
        assert "no answer within" in liveness.silence(stack, "database", 0.5)
        dog = Watchdog.__new__(Watchdog)
        assert dog._continued(cast(Any, SimpleNamespace(pid=server.pid)))
        assert liveness.silence(stack, "database", 10) == ""
    finally:
        server.resume()


@pytest.fixture
def watched(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A real supervisor with one program, and a stack that knows no more than a watchdog needs."""
    folder = open_folder / "watched"
    (folder / "logs").mkdir(parents=True)
    supervisor = Supervisor("watched0", folder, folder / "logs", folder)
    place = folder / "service.sock"
    text = f"import pathlib; pathlib.Path({str(place)!r}).unlink(missing_ok=True)\n{SERVER}"
    one = Program("service", [sys.executable, "-c", text, str(place)])
    for name in ("SILENT_SECONDS", "ASK_SECONDS", "ANSWER_SECONDS", "POLITE_SECONDS"):
        monkeypatch.setattr(watchdog, name, 0.5)
    supervisor.ensure(lambda: [one], Progress())
    supervisor.start("service")
    yield SimpleNamespace(supervisor=supervisor, healing_file=folder / "watchdog.json", service_socket=place)
    supervisor.shut_down(Progress())


def test_a_stopped_program_is_replaced_and_a_finished_stop_is_respected(watched: Any) -> None:
    said: list[str] = []
    dog = Watchdog(watched, said.append)

    def answers() -> int:
        info = watched.supervisor.info("service")
        if info is None or info.state != "RUNNING" or liveness.silence(watched, "service", 2):
            raise NotYet(str(info))
        return int(info.pid)

    pid = wait_until(answers, what="the program", seconds=30, progress=Progress())
    dog.round()
    psutil.Process(pid).send_signal(signal.SIGSTOP)

    def replaced() -> None:
        dog.round()
        if not any("restarting it" in line for line in said):
            raise NotYet(str(said))

    wait_until(replaced, what="the restart", seconds=60, progress=Progress())
    assert wait_until(answers, what="the new one", seconds=30, progress=Progress()) != pid
    assert dog.healing.last("service") is not None
    watched.supervisor.stop("service")
    for _ in range(5):
        dog.round()
    info = watched.supervisor.info("service")
    assert info is not None and info.state == "STOPPED"
