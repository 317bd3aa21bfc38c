"""One client's subscriptions cost the others nothing: neither its patterns, nor its nonsense, nor its appetite."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from metaflow_anywhere.ui_backend.live import hub, matching, patterns
from metaflow_anywhere.ui_backend.live.hub import Client, Event, Hub, Subscription
from metaflow_anywhere.ui_backend.live.matching import Refused, Wanted, parse_resource
from tests.service.running import service_environment
from tests.ui_backend.running import Browser, RunningUI

EVIL = ".*" * 24 + "x"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def own_ui(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUI]:
    running = RunningUI(tmp_path_factory.mktemp("ui"), {**service_environment(database), "UI_ENABLED": "0"})
    yield running
    assert "Traceback" not in running.log()
    running.stop()


def insert_run(table: psycopg.Connection) -> int:
    flow = f"Limits{next(_numbers)}"
    now = "extract(epoch FROM now()) * 1000"
    table.execute(f"INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES (%s, {now})", (flow,))
    row = table.execute(
        f"INSERT INTO runs_v3 (flow_id, ts_epoch, tags) VALUES (%s, {now}, %s) RETURNING run_number",
        (flow, json.dumps(["a" * 40])),
    ).fetchone()
    assert row is not None
    return int(row[0])


def is_run(number: int) -> Any:
    return lambda message: message["type"] == "INSERT" and message["data"]["run_number"] == number


# Patterns


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("user:.*nn.*", "user:ann", True), ("user:.*nn.*", "user:bob", False), ("a.c", "xabcx", True),
        ("^b", "abc", False), ("c$", "abc", True), ("a|b", "xxb", True), ("[0-9]+", "v12", True),
        ("(ab)+c", "ababc", True), ("(", "a(b", True), ("(?=x)y", "(?=x)y", True), (r"(.)\1", r"(.)\1", True),
        ("ü.", "xüy", True), ("", "anything", True), ("a" * 300, "a" * 300, True),
    ],
)  # fmt: skip
def test_patterns_mean_what_they_meant(pattern: str, text: str, found: bool) -> None:
    pytest.importorskip("re2", reason="no wheel of google-re2 is installed: patterns stand for themselves")
    assert patterns.matches(pattern, text) is found


@pytest.mark.parametrize("pattern", [EVIL, "(a+)+$", "(a|a)*b", "(a?){30}a{30}b", "((a*)*)*b", r"(a*)\1\1\1\1x"])
def test_no_pattern_takes_long(pattern: str) -> None:
    started = time.monotonic()
    for _ in range(100):
        patterns.matches(pattern, "a" * 4000)
    assert time.monotonic() - started < 2


def test_a_pattern_does_not_hold_up_the_others(own_ui: RunningUI, table: psycopg.Connection) -> None:
    async def scenario() -> None:
        async with Browser(own_ui.url) as evil, Browser(own_ui.url) as browser:
            for number in range(20):
                await evil.subscribe(f"/runs?_tags:likeany={EVIL}", str(number))
            await browser.subscribe("/runs")
            started = time.monotonic()
            await browser.until(is_run(insert_run(table)))
            assert (await asyncio.to_thread(own_ui.get, "/ping")).text == "pong"
            assert time.monotonic() - started < 5

    asyncio.run(scenario())


# Nonsense


@pytest.mark.parametrize(
    ("resource", "since"),
    [
        ("/runs", "-1e300"), ("/runs", "1e400"), ("/runs", "NaN"), ("/runs", "-Infinity"), ("/runs", "-1"),
        ("/runs", "-" + "9" * 400), ("/flows/a%00b/runs", "1"), ("/flows/\\u0000", "1"), ("/flows/\\ud800/runs", "1"),
        ("http://[x", "1"), ("/" + "x" * 20_000, "1"), ("/runs?" + "a=1&" * 3000, "1"),
        ("/runs?status=" + "a," * 500, "1"), ("/runs?_tags:likeany=" + "a," * 50, "1"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_to_its_own_client(own_ui: RunningUI, resource: str, since: str) -> None:
    async def scenario() -> None:
        async with Browser(own_ui.url) as browser:
            text = f'{{"type": "SUBSCRIBE", "uuid": "u", "resource": "{resource}", "since": {since}}}'
            await browser.socket.send_str(text)
            await browser.ping()
            (told,) = browser.messages
            assert (told["type"], told["uuid"]) == ("ERROR", "u")
            assert told["message"].startswith("this subscription is not taken: ")

    asyncio.run(scenario())


def test_a_number_that_is_large_is_only_the_far_future(own_ui: RunningUI, table: psycopg.Connection) -> None:
    async def scenario() -> None:
        async with Browser(own_ui.url) as browser:
            await browser.subscribe("/runs", since=10**400)
            await browser.until(is_run(insert_run(table)))

    asyncio.run(scenario())


def test_others_are_told_what_they_missed_in_spite_of_nonsense(
    database: str, table: psycopg.Connection, tmp_path: Path
) -> None:
    """After a restart, when what was missed is read from the database for all subscriptions together."""
    missed = insert_run(table)
    ui = RunningUI(tmp_path / "ui", {**service_environment(database), "UI_ENABLED": "0"})

    async def scenario() -> None:
        async with Browser(ui.url) as evil, Browser(ui.url) as browser:
            for number, path in enumerate(["/flows/a%00b/runs", "/flows/\ud800/runs", "/runs"] * 100):
                message = {"type": "SUBSCRIBE", "uuid": str(number % 50), "resource": path, "since": 0}
                await evil.socket.send_str(json.dumps(message))
            await evil.ping()
            await browser.subscribe("/runs", since=int(time.time()) - 60)
            told = await browser.until(lambda message: message["data"]["run_number"] == missed)
            assert told["type"] in ("INSERT", "UPDATE")
            started = time.monotonic()
            assert (await asyncio.to_thread(ui.get, "/runs")).status_code == 200
            assert time.monotonic() - started < 3

    try:
        asyncio.run(scenario())
        assert "Traceback" not in ui.log()
        assert len(ui.log().splitlines()) < 20
    finally:
        ui.stop()


def test_a_filter_that_fails_ends_its_own_subscription_only() -> None:
    def fails(row: Any) -> bool:
        raise RuntimeError("an oversight")

    async def scenario() -> None:
        rooms, bad, good = Hub(300), Client(), Client()
        rooms.subscribe(bad, Subscription("bad", Wanted("/runs", (fails,))))
        rooms.subscribe(good, Subscription("good", Wanted("/runs", ())))
        rooms.publish(Event("INSERT", ("/runs",), {"a": 1}, b'{"a": 1}'))
        rooms.publish(Event("INSERT", ("/runs",), {"a": 2}, b'{"a": 2}'))
        assert json.loads(await bad.next_message())["type"] == "ERROR"
        assert bad.waiting.empty()
        assert [json.loads(await good.next_message())["data"]["a"] for _ in range(2)] == [1, 2]

    asyncio.run(scenario())


# Appetite


def test_subscriptions_of_a_socket_are_limited_and_the_next_one_is_told(own_ui: RunningUI) -> None:
    async def scenario() -> None:
        async with Browser(own_ui.url) as browser:
            for number in range(hub.SUBSCRIPTIONS + 1):
                await browser.subscribe("/runs", str(number))
            (told,) = browser.messages
            assert (told["type"], told["uuid"]) == ("ERROR", str(hub.SUBSCRIPTIONS))
            await browser.subscribe("/flows", "0")  # a known one is still replaced
            assert len(browser.messages) == 1

    asyncio.run(scenario())


def test_sockets_are_limited_for_each_peer_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "SOCKETS", 5)
    monkeypatch.setattr(hub, "SOCKETS_OF_PEER", 3)
    rooms = Hub(300)
    rooms.clients.update(Client("ann") for _ in range(3))
    assert rooms.is_full_for("ann")
    assert not rooms.is_full_for("bob")
    rooms.clients.update(Client("bob") for _ in range(2))
    assert rooms.is_full_for("carol")


def test_many_large_subscriptions_do_not_fill_memory(own_ui: RunningUI, table: psycopg.Connection) -> None:
    """As large as they may be, on four sockets, and ten events for each."""
    query = f"user_name:ne={'x' * 7900}"
    before = own_ui.memory_bytes()

    async def scenario() -> None:
        async with Browser(own_ui.url) as one, Browser(own_ui.url) as two, Browser(own_ui.url) as three:
            for number in range(hub.SUBSCRIPTIONS):
                for browser in (one, two, three):
                    await browser.subscribe(f"/runs?{query}", str(number))
            async with Browser(own_ui.url) as honest:
                await honest.subscribe("/runs")
                for _ in range(10):
                    started = time.monotonic()
                    await honest.until(is_run(insert_run(table)))
                    assert time.monotonic() - started < 5

    asyncio.run(scenario())
    assert own_ui.memory_bytes() - before < 60 * 2**20


def test_who_does_not_read_holds_up_the_others_once() -> None:
    async def scenario() -> float:
        rooms, stalled = Hub(300), Client()
        rooms.clients.add(stalled)
        rooms.subscribe(stalled, Subscription("u", Wanted("/runs", ())))
        started = time.monotonic()
        for number in range(3000):
            rooms.publish(Event("INSERT", ("/runs",), {}, b"%d" % number))
            await rooms.pace()
        return time.monotonic() - started

    assert asyncio.run(scenario()) < hub.PATIENCE_SECONDS + 2


def test_the_longest_possible_path_is_taken() -> None:
    names = [letter * 255 for letter in "fst"]
    path = f"/flows/{names[0]}/runs/{'r' * 255}/steps/{names[1]}/tasks/{names[2]}/attempts"
    assert parse_resource(path).path == path
    with pytest.raises(Refused):
        parse_resource("/" + "x" * (matching.LONGEST_PATH + 1))
