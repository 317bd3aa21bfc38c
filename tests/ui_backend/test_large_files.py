"""Logs, cards and their data of any size are shown without filling this program's memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests

from tests.service.running import service_environment
from tests.ui_backend.running import RunningUI

MEBIBYTE = 2**20
TASK = "/flows/Large/runs/1/steps/start/tasks/1"
CARDS = "mf.cards/Large/runs/1/steps/start/tasks/1/cards"
NAME = "default-0123456789abcdef"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def large_ui(database: str, store: Path) -> Iterator[RunningUI]:
    """A UI backend with one task."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO flows_v3 (flow_id, ts_epoch) VALUES ('Large', 0)")
        connection.execute("INSERT INTO runs_v3 (flow_id, run_number, ts_epoch) VALUES ('Large', 1, 0)")
        connection.execute(
            "INSERT INTO steps_v3 (flow_id, run_number, step_name, ts_epoch) VALUES ('Large', 1, 'start', 0)"
        )
        connection.execute(
            "INSERT INTO tasks_v3 (flow_id, run_number, step_name, task_id, ts_epoch)"
            " VALUES ('Large', 1, 'start', 1, 0)"
        )
    environment = {**service_environment(database), "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(store), "UI_ENABLED": "0"}
    running = RunningUI(store / "ui", environment)
    yield running
    assert "Traceback" not in running.log()
    running.stop()


def sparse(path: Path, size: int) -> None:
    """A file of NULs that takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def most_memory_bytes(ui: RunningUI) -> int:
    """Resident memory at its highest."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{ui.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def received(url: str) -> int:
    """The bytes of an answer, of which none are kept."""
    with requests.get(url, stream=True, timeout=120) as answer:
        assert answer.status_code == 200
        return sum(len(chunk) for chunk in answer.iter_content(MEBIBYTE))


def test_a_log_without_a_line_break(large_ui: RunningUI, store: Path, long_form: bool) -> None:
    size = (200 if long_form else 100) * MEBIBYTE
    sparse(store / ".metaflow/Large/1/start/1/0.task_stdout.log", size)
    before = most_memory_bytes(large_ui)
    (row,) = large_ui.data(f"{TASK}/logs/out?attempt_id=0")
    assert row["line"].endswith("more bytes of this line are in the download")
    assert received(f"{large_ui.url}{TASK}/logs/out/download?attempt_id=0") == size
    assert most_memory_bytes(large_ui) - before < 60 * MEBIBYTE


def test_a_large_card(large_ui: RunningUI, store: Path, long_form: bool) -> None:
    size = (1500 if long_form else 300) * MEBIBYTE
    sparse(store / ".metaflow" / CARDS / f"{NAME}.html", size)
    before = most_memory_bytes(large_ui)
    (card,) = large_ui.data(f"{TASK}/cards")
    assert received(f"{large_ui.url}{TASK}/cards/{card['hash']}") == size
    assert most_memory_bytes(large_ui) - before < 60 * MEBIBYTE


DATA = {
    "plain": (b'{"a": [1, 1e400, 12345678901234567890]}', 200, '"a": [1, 1e400, 12345678901234567890]'),
    "numbers that are none": (b'{"a": NaN, "b": [-Infinity]}', 200, '{"a": null, "b": [null]}'),
    "a large number beside one that is none": (b'{"a": NaN, "b": 1e400}', 200, '{"a": null, "b": null}'),
    "nested 200,000 deep": (b"[" * 200_000 + b"]" * 200_000, 404, "nested too deeply"),
    "objects nested deep": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 404, "nested too deeply"),
    "half written": (b'{"a": [1, 2', 404, "not found"),
    "not UTF-8": (b'{"a": "\xff"}', 404, "not found"),
    "UTF-16": ('{"a": 1}'.encode("utf-16-le"), 404, "not found"),
    "empty": (b"", 404, "not found"),
}


@pytest.mark.parametrize(("written", "status", "told"), DATA.values(), ids=DATA)
def test_odd_card_data(large_ui: RunningUI, store: Path, written: bytes, status: int, told: str) -> None:
    path = store / ".metaflow" / CARDS / f"{NAME}.html"
    sparse(path, 10)
    data = path.parent.parent / "runtime" / f"{NAME}.data.json"
    data.parent.mkdir(exist_ok=True)
    data.write_bytes(written)
    answer = large_ui.get(f"{TASK}/cards/{NAME.rpartition('-')[2]}/data")
    assert (answer.status_code, told in answer.text) == (status, True), answer.text[:200]
    json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_card_data_that_are_too_large(large_ui: RunningUI, store: Path) -> None:
    path = store / ".metaflow" / CARDS / f"{NAME}.html"
    sparse(path, 10)
    sparse(path.parent.parent / "runtime" / f"{NAME}.data.json", 400 * MEBIBYTE)
    before = most_memory_bytes(large_ui)
    answer = large_ui.get(f"{TASK}/cards/{NAME.rpartition('-')[2]}/data")
    assert answer.status_code == 404
    assert "larger than 32 MiB" in answer.json()["error"]
    assert most_memory_bytes(large_ui) - before < 100 * MEBIBYTE
