"""The service while its database is away or busy, and beside another service."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from metaflow_anywhere.database import schema
from metaflow_anywhere.postgres import Programs
from tests.service.conftest import RUN_TAGS, Made
from tests.service.running import Client, RunningService, await_blocked, await_condition, service_environment
from tests.service.stoppable import StoppableServer

OUTAGE_SECONDS, LONG_OUTAGE_SECONDS = 2.0, 10.0
ANSWER_SECONDS = 8.0  # the pool's wait (5), a connection attempt, and a busy machine
WRITERS = 8


@pytest.fixture
def server(postgres_programs: Programs, open_folder: Path, free_port: int) -> Iterator[StoppableServer]:
    """A server of this test's, not yet running."""
    folder = open_folder / f"stoppable-{free_port}"
    folder.mkdir()
    folder.chmod(0o755)
    stoppable = StoppableServer(postgres_programs, open_folder / "installation", folder, free_port)
    yield stoppable
    stoppable.stop()


def make_task(client: Client) -> str:
    """The path of a task of a new run."""
    client.post("/flows/Load", {})
    number = client.made("/flows/Load/run", RUN_TAGS)["run_number"]
    step = f"/flows/Load/runs/{number}/steps/start"
    client.made(f"{step}/step")
    return f"{step}/tasks/{client.made(f'{step}/task')['task_id']}"


def test_it_waits_for_a_database_and_for_its_tables(server: StoppableServer, folder: Path) -> None:
    service = RunningService(folder, service_environment(server.conninfo))
    try:
        client = Client(service.url)
        for phase in ("no server", "no tables"):
            answer = client.get("/flows")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1"), phase
            assert client.get("/ping").text == "pong"
            server.start()
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            schema.apply(connection)
        assert client.get("/flows").json() == []
        server.stop()
        assert client.get("/healthcheck").status_code == 500
    finally:
        service.stop()


def test_a_database_that_goes_away_under_load_loses_nothing_that_was_acknowledged(
    server: StoppableServer, folder: Path, long_form: bool
) -> None:
    server.start()
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        schema.apply(connection)
    service = RunningService(folder, service_environment(server.conninfo))
    stopping = threading.Event()
    acknowledged: list[str] = []
    statuses: Counter[int] = Counter()
    slowest = [0.0]

    def write(writer: int, task: str) -> None:
        """As the official client does: the same body again for as long as the answer is 503."""
        client = Client(service.url)
        for number in itertools.count():
            value, status = f"{writer}-{number}", 503
            while status == 503:
                started = time.monotonic()
                status = client.post(f"{task}/metadata", [{"field_name": "f", "value": value}]).status_code
                slowest[0] = max(slowest[0], time.monotonic() - started)
                statuses[status] += 1
                if stopping.is_set() and status != 200:
                    return
            assert status == 200
            acknowledged.append(value)
            if stopping.is_set():
                return

    try:
        task = make_task(Client(service.url))
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [pool.submit(write, writer, task) for writer in range(WRITERS)]
            try:
                await_condition(lambda: len(acknowledged) > 200, 60, "a load")
                server.stop()
                before = len(acknowledged)
                time.sleep(LONG_OUTAGE_SECONDS if long_form else OUTAGE_SECONDS)  # the outage itself
                assert len(acknowledged) - before <= WRITERS  # answers that were under way
                server.start()
                before = len(acknowledged)
                await_condition(lambda: len(acknowledged) > before + 200, 60, "the load goes on by itself")
            finally:
                stopping.set()
            for writer in writers:
                writer.result()
    finally:
        service.stop()
    assert set(statuses) == {200, 503}
    assert slowest[0] < ANSWER_SECONDS
    with psycopg.connect(server.conninfo) as connection:
        stored = Counter(value for (value,) in connection.execute("SELECT value FROM metadata_v3"))
    assert [value for value in acknowledged if stored[value] != 1] == []
    assert [value for value, times in stored.items() if times > 1] == []


def test_an_exhausted_pool_is_503_and_recovers(
    http: Client, made: Made, database: str, folder: Path, table: psycopg.Connection
) -> None:
    environment = {**service_environment(database), "MF_METADATA_DB_POOL_MAX": "2"}
    small = RunningService(folder, environment)
    try:
        with psycopg.connect(database) as blocker, ThreadPoolExecutor(4) as pool:
            blocker.execute("LOCK TABLE tasks_v3 IN ACCESS EXCLUSIVE MODE")
            waiting = [pool.submit(Client(small.url).get, made.task) for _ in range(2)]
            await_blocked(table, 2)
            started = time.monotonic()
            answer = Client(small.url).get("/flows")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert time.monotonic() - started < ANSWER_SECONDS
            assert Client(small.url).get("/ping").status_code == 200
            blocker.rollback()
            assert [future.result().status_code for future in waiting] == [200, 200]
        assert Client(small.url).get("/flows").status_code == 200
    finally:
        small.stop()


def test_a_statement_that_takes_too_long_is_cut_and_told(made: Made, database: str, folder: Path) -> None:
    service = RunningService(folder, {**service_environment(database), "MF_METADATA_DB_TIMEOUT": "1"})
    try:
        with psycopg.connect(database) as blocker:
            blocker.execute("LOCK TABLE tasks_v3 IN ACCESS EXCLUSIVE MODE")
            answer = Client(service.url).get(made.task)
        assert answer.status_code == 500
        assert answer.json() == '{"err_msg": {"type": "timeout error"}}'
        assert Client(service.url).get(made.task).status_code == 200
    finally:
        service.stop()


def test_two_services_on_one_database(http: Client, made: Made, database: str, folder: Path) -> None:
    second = RunningService(folder, service_environment(database))
    try:
        clients = [Client(http.url), Client(second.url)]

        def work(worker: int) -> tuple[list[int], list[str], Counter[int]]:
            client, ids, added, statuses = Client(clients[worker % 2].url), [], [], Counter[int]()
            for number in range(30):
                ids.append(client.made(f"{made.step}/task")["task_id"])
                tag = f"{worker}-{number}"
                answer = client("PATCH", f"{made.run}/tag/mutate", {"tags_to_add": [tag]})
                statuses[answer.status_code] += 1
                if answer.status_code == 200:
                    added.append(tag)
                else:
                    assert answer.json() == "Conflicting concurrent tag mutation, please retry"
            return ids, added, statuses

        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(work, range(6)))
        ids = [task_id for result in results for task_id in result[0]]
        assert len(ids) == len(set(ids)) == 180
        statuses = sum((result[2] for result in results), Counter[int]())
        assert set(statuses) <= {200, 409}
        assert set(http.read(made.run)["tags"]) == {"mine", *(tag for result in results for tag in result[1])}
    finally:
        second.stop()


def test_tag_mutations_at_the_same_moment_conflict(http: Client, made: Made, database: str) -> None:
    """The first holds the row, as an official service does between its read and its write: the second is told."""
    with psycopg.connect(database) as other, ThreadPoolExecutor(1) as pool, psycopg.connect(database) as looking:
        other.execute("UPDATE runs_v3 SET tags = '[\"theirs\"]' WHERE run_number = %s", (made.run_number,))
        asked = pool.submit(http, "PATCH", f"{made.run}/tag/mutate", {"tags_to_add": ["ours"]})
        looking.autocommit = True
        waits = (
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        await_condition(lambda: looking.execute(waits).fetchone() == (True,), 60, "the mutation waits")
        other.commit()
        answer = asked.result()
    assert (answer.status_code, answer.json()) == (409, "Conflicting concurrent tag mutation, please retry")
    assert http("PATCH", f"{made.run}/tag/mutate", {"tags_to_add": ["ours"]}).json() == {"tags": ["ours", "theirs"]}
