"""Odd sockets and requests by the hundred, with ``--long`` by the ten thousand: nothing breaks for anybody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import psycopg
import pytest

from tests.service.running import service_environment
from tests.ui_backend.running import EVENT_SECONDS, Browser, RunningUI

SOCKETS, LONG_SOCKETS = 150, 10_000
REQUESTS, LONG_REQUESTS = 300, 50_000
AT_ONCE = 20
LONGEST_SECONDS = 3600.0
LONGEST_URL = 2500  # characters, before they are quoted; what is longer than 8190 after that is no request
ROW = "/flows/F/runs/1/steps/s/tasks/1"

TEXTS = [
    "", "x", "\0", "\ud800", "a" * 5000, "ü" * 300, "%00", "%ff%fe", "null", "'; DROP TABLE runs_v3 --", "(" * 60,
    ".*" * 30 + "x", r"(a*)\1\1$", "(?=a)", "a{1000}{1000}", ",,,", "\\", "\\,", "NaN", "1e400", "9" * 400, "-1", "{}",
    '"x"', "__ping__", "../..", "a,b:c=d&e", "\u202e", "[MFLOG|",
]  # fmt: skip
PATHS = ["/runs", "/flows", "/flows/F", "/flows/F/runs", "/flows/F/runs/1/tasks", f"{ROW}/attempts", f"{ROW}/metadata",
         "/flows/F/runs/1/artifacts", "/flows/F/runs/1/parameters",
         "/flows/F/runs/1/steps", "", "runs", "//", "http://[x"]  # fmt: skip
FIELDS = ["flow_id", "status", "_tags", "ts_epoch", "run_number", "user", "_limit", "_page", "_order", "_group", "tag",
          "postprocess", "benchmark", "invalidate", "attempt_id", "name", "key", "value", "scope"]  # fmt: skip
OPERATORS = [
    "",
    ":eq",
    ":ne",
    ":lt",
    ":ge",
    ":co",
    ":sw",
    ":li",
    ":is",
    ":any",
    ":likeany",
    ":likeall",
    ":re",
    ":",
    ":x",
]
NUMBERS = [
    0,
    -1,
    1,
    1.5,
    time.time(),
    2**63,
    -(2**70),
    10**400,
    float("inf"),
    float("-inf"),
    float("nan"),
    1e300,
    -1e300,
]
READS = ["/runs", "/flows", "/flows/F/runs", "/flows/F/runs/1", "/flows/F/runs/1/tasks", "/flows/F/runs/1/dag", ROW,
         f"{ROW}/attempts", f"{ROW}/logs/out", f"{ROW}/logs/err/download", f"{ROW}/cards", f"{ROW}/cards/x/data",
         f"{ROW}/artifacts", "/tags/autocomplete", "/flows/autocomplete", "/notifications", "/status", "/plugin/x",
         "/search/flows/F/runs/1", "/ws", "/nothing"]  # fmt: skip


class Odd:
    """Whatever a client might send, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)

    def value(self, depth: int = 2) -> Any:
        kind = self.choose.randrange(8 if depth else 5)
        if kind < 3:
            return self.choose.choice(TEXTS)
        if kind < 5:
            return self.choose.choice([*NUMBERS, None, True])
        if kind < 7:
            return [self.value(depth - 1) for _ in range(self.choose.randrange(4))]
        return {self.choose.choice(TEXTS): self.value(depth - 1) for _ in range(self.choose.randrange(4))}

    def query(self) -> str:
        items = (
            f"{self.choose.choice(FIELDS)}{self.choose.choice(OPERATORS)}={self.text()}"
            for _ in range(self.choose.randrange(5))
        )
        return "&".join(items)

    def text(self) -> str:
        text = self.choose.choice(TEXTS)
        return quote(text, safe="%", errors="replace") if self.choose.random() < 0.8 else text.replace("\ud800", "?")

    def message(self) -> str | bytes:
        kind = self.choose.randrange(12)
        if kind == 0:
            return self.choose.choice(TEXTS).replace("\ud800", "?")
        if kind == 1:
            return self.choose.randbytes(self.choose.randrange(100))
        if kind == 2:
            return "[" * self.choose.choice([10, 60_000])
        document: Any = {
            "type": self.choose.choice(["SUBSCRIBE"] * 6 + ["UNSUBSCRIBE", "x", None]),
            "uuid": self.choose.choice(["a", "b", "c"]) if kind < 10 else self.value(),
            "resource": f"{self.choose.choice(PATHS)}?{self.query()}" if kind < 11 else self.value(),
        }
        if self.choose.random() < 0.7:
            document["since"] = self.choose.choice(NUMBERS) if kind < 10 else self.value()
        return json.dumps(document)


@pytest.fixture(scope="module")
def target(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUI]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES ('F', 0)")
        connection.execute("INSERT INTO runs_v3 (flow_id, ts_epoch, tags) VALUES ('F', 0, '[\"t\"]')")
        connection.execute("INSERT INTO steps_v3 (flow_id, run_number, step_name, ts_epoch) VALUES ('F', 1, 's', 0)")
        connection.execute(
            "INSERT INTO tasks_v3 (flow_id, run_number, step_name, task_id, ts_epoch) VALUES ('F', 1, 's', 1, 0)"
        )
    folder: Path = tmp_path_factory.mktemp("fuzz")
    environment = {**service_environment(database), "MF_METADATA_DB_TIMEOUT": "2", "UI_ENABLED": "0"}
    running = RunningUI(folder, {**environment, "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder)})
    yield running
    assert running.process.poll() is None
    assert "Traceback" not in running.log()
    running.stop()


async def odd_socket(session: aiohttp.ClientSession, url: str, seed: int, told: Counter[str]) -> None:
    odd = Odd(seed)
    path = "/ws" if odd.choose.random() < 0.8 else f"/search/flows/F/runs/1?{odd.query()}"
    if len(path) > LONGEST_URL:
        path = "/ws"
    async with session.ws_connect(url + path) as socket:
        for _ in range(odd.choose.randrange(1, 9)):
            message = odd.message()
            with contextlib.suppress(ConnectionError):  # a search is closed when it is done
                await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
        if odd.choose.random() < 0.2:
            return  # without waiting for anything
        with contextlib.suppress(ConnectionError):
            await socket.send_str("__ping__")
        while (answer := await socket.receive(timeout=20)).type is aiohttp.WSMsgType.TEXT:
            if answer.data == "__pong__":
                told["pong"] += 1
                break
            document = json.loads(answer.data, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
            told[document.get("type") or document["event"]["type"]] += 1
            if document.get("type") and told.total() % 7 == 0:
                break


async def odd_request(session: aiohttp.ClientSession, url: str, seed: int, told: Counter[str]) -> None:
    odd = Odd(seed)
    path = f"{odd.choose.choice(READS)}?{odd.query()}"[:LONGEST_URL]
    method = odd.choose.choice(["GET"] * 8 + ["HEAD", "POST", "PUT"])
    async with session.request(method, url + path.replace(" ", "%20"), allow_redirects=False) as answer:
        text = (await answer.read()).decode()
        told[str(answer.status)] += 1
        assert answer.status in {200, 400, 404, 405, 415, 500, 503}, (path, answer.status)
        if answer.status == 500:
            assert "err_msg" in text or '"id":"dag' in text, (path, text)
        assert "Traceback" not in text


async def all_of(work: Any, target: RunningUI, seeds: range) -> Counter[str]:
    told: Counter[str] = Counter()
    places = asyncio.Semaphore(AT_ONCE)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:

        async def one(seed: int) -> None:
            async with places:
                await work(session, target.url, seed, told)

        await asyncio.gather(*(one(seed) for seed in seeds))
    return told


@pytest.mark.parametrize("work", [odd_socket, odd_request])
def test_whatever_is_sent_others_are_served(
    target: RunningUI, table: psycopg.Connection, long_form: bool, work: Any
) -> None:
    short, long = (SOCKETS, LONG_SOCKETS) if work is odd_socket else (REQUESTS, LONG_REQUESTS)
    before = target.memory_bytes()

    async def scenario() -> None:
        async with Browser(target.url) as honest:
            await honest.subscribe("/runs")
            made: list[int] = []
            watching = asyncio.create_task(  # also while the odd ones are at work, or it would be taken for gone
                honest.until(lambda message: message.get("data", {}).get("run_number") in made, LONGEST_SECONDS)
            )
            started = time.monotonic()
            told = await all_of(work, target, range(long if long_form else short))
            print(f"{work.__name__}: {time.monotonic() - started:.0f} s, {dict(told)}")
            now = "extract(epoch FROM now()) * 1000"
            row = table.execute(
                f"INSERT INTO runs_v3 (flow_id, ts_epoch) VALUES ('F', {now}) RETURNING run_number"
            ).fetchone()
            assert row is not None
            made.append(row[0])
            await asyncio.wait_for(watching, EVENT_SECONDS)

    asyncio.run(scenario())
    assert target.get("/ping").text == "pong"
    assert len(target.data("/runs")) >= 2
    print(f"memory {before / 2**20:.0f} -> {target.memory_bytes() / 2**20:.0f} MiB, {len(target.log())} bytes of log")
    assert target.memory_bytes() - before < 100 * 2**20
    assert "Traceback" not in target.log()
