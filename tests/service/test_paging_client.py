"""What a client that pages asks of a flow with a hundred thousand runs costs a few requests."""

from __future__ import annotations

import time

import psycopg
import pytest

from tests.service.conftest import Made
from tests.service.paging_client import PagingClient
from tests.service.running import Client
from tests.service.test_lists import fill_runs

RUNS = 100_000
MOST_REQUESTS = 3
MOST_SECONDS = 5.0  # each takes some hundredths of a second on a quiet machine; all runs at once took more than these


@pytest.fixture(scope="module")
def large(http: Client, database: str) -> str:
    """A flow with RUNS runs: all silent for long, but for two that were successful."""
    http.made("/flows/Large", {"user_name": "ann"})
    with psycopg.connect(database, autocommit=True) as table:
        fill_runs(table, "/flows/Large", RUNS)
        table.execute(
            """INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch)
            SELECT flow_id, run_number, 'end', 1, 'attempt_ok', 'True', '', ts_epoch + 5 FROM runs_v3
            WHERE flow_id = 'Large' AND tags ?| ARRAY['n99990', 'n99980']"""
        )
        table.execute("ANALYZE")
    return "Large"


@pytest.mark.parametrize("user", [None, "ann"])
def test_the_newest_runs_cost_three_requests(http: Client, large: str, user: str | None) -> None:
    def asked(question: str, **more: object) -> list[str]:
        client = PagingClient(http.url, user)
        started = time.monotonic()
        found = getattr(client, question)(large, **more)
        assert time.monotonic() - started < MOST_SECONDS
        assert client.requests <= MOST_REQUESTS
        return [row["tags"][0] for row in (found if isinstance(found, list) else [found])]

    assert asked("latest_run") == [f"n{RUNS}"]
    assert asked("latest_successful_run") == ["n99990"]
    assert asked("runs", filters={"status:eq": "failed"}, most=5) == [f"n{RUNS - n}" for n in range(5)]
    assert asked("runs", filters={"status:eq": "completed"}) == ["n99990", "n99980"]
    assert asked("runs", filters={"_tags:any": "n77,n66"}, size=500) == ["n77", "n66"]
    assert asked("runs", filters={"ts_epoch:lt": "1700000000002", "user:eq": "ann"}) == [f"n{5 - n}" for n in range(5)]


def test_every_collection_is_read_page_by_page_as_a_whole(http: Client, made: Made) -> None:
    for n in range(5):
        http.made(f"{made.run}/steps/more{n}/step")
        http.made(f"{made.step}/task")
        http.made(f"{made.task}/metadata", [{"field_name": f"f{n}"}])
        http.made(f"{made.task}/artifact", [{"name": f"a{n}"}])
        http.made(f"{made.flow}/run", {"user_name": "ann", "system_tags": ["user:ann"], "tags": []})
    client = PagingClient(http.url, "ann", page_size=2)
    for path in (f"{made.flow}/runs", f"{made.run}/steps", f"{made.step}/tasks", f"{made.task}/metadata",
                 f"{made.run}/metadata", f"{made.task}/artifacts", f"{made.step}/artifacts",
                 f"{made.run}/artifacts"):  # fmt: skip
        rows, whole = list(client.rows(path)), http.read(path)
        assert len(rows) == len(whole) >= 5, path
        assert all(row in whole for row in rows), path
    stranger = PagingClient(http.url, "bob", page_size=2)
    assert list(stranger.rows(f"{made.step}/tasks")) == []
    assert made.flow_id in {row["flow_id"] for row in stranger.rows("/flows")}
    assert list(client.rows(f"{made.flow}/runs/987654321/steps")) == []
