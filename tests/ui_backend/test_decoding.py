"""Pickles that mean harm are contained and reported; nothing leads out of the datastore."""

from __future__ import annotations

import asyncio
import collections
import datetime
import decimal
import fractions
import functools
import gzip
import hashlib
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import metaflow_anywhere
from metaflow_anywhere.http.turns import Turns
from metaflow_anywhere.ui_backend.datastore import Datastore, OutsideDatastore
from metaflow_anywhere.ui_backend.decoding import Cache, Decoder, Value

MEBIBYTE = 2**20


class Does:
    """A value whose unpickling calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


class Place:
    """A datastore and a decoder of it."""

    def __init__(self, folder: Path, cache_bytes: int = MEBIBYTE) -> None:
        self.folder = folder
        self.store = folder / "store" / ".metaflow"
        self.store.mkdir(parents=True)
        self.cache = folder / "cache"
        self._cache_bytes = cache_bytes

    def put(self, value: Any, *, packed: bool = True, protocol: int = 4) -> dict[str, Any]:
        """Store a value as the client does; the row of its artifact."""
        return self.put_bytes(pickle.dumps(value, protocol=protocol), packed=packed)

    def put_bytes(self, data: bytes, *, packed: bool = True) -> dict[str, Any]:
        sha = hashlib.sha1(data).hexdigest()
        path = self.store / "Flow" / "data" / sha[:2] / sha
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if packed else data)
        return {"flow_id": "Flow", "ds_type": "local", "sha": sha}

    def path(self, row: dict[str, Any]) -> Path:
        sha = str(row["sha"])
        return self.store / "Flow" / "data" / sha[:2] / sha

    def values(self, *rows: dict[str, Any], max_bytes: int = 16 * MEBIBYTE, again: bool = False) -> list[Value]:
        async def ask() -> list[Value]:
            decoder = Decoder(Datastore(self.folder / "store"), Cache(self.cache, self._cache_bytes))
            try:
                return await decoder.values(rows, max_bytes=max_bytes, again=again)
            finally:
                await decoder.close()

        return asyncio.run(ask())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 17, 1.5, "text", b"bytes", [1, [2]], {"a": {"b": (1, 2)}}, {1, 2}, frozenset({3}), 2**70, 1 + 2j,
        datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc), datetime.timedelta(1), decimal.Decimal("1.10"),
        collections.OrderedDict(a=1), collections.Counter("aab"), Path("/a/b"), range(3), bytearray(b"x"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_harmless_values_are_shown_as_python_writes_them(place: Place, value: Any, protocol: int) -> None:
    (found,) = place.values(place.put(value, protocol=protocol))
    assert found.error == ""
    assert found.text == str(value)


def test_type_and_size_are_told_even_where_the_value_is_not_shown(place: Place) -> None:
    rows = [place.put({"a": 1}), place.put(subprocess.CompletedProcess([], 0)), place.put(os.urandom(5000))]
    for found in (place.values(*rows, max_bytes=4096), place.values(*rows, max_bytes=4096)):  # decoded, then kept
        assert [one.kind for one in found] == ["dict", "subprocess.CompletedProcess", ""]
        assert [one.size for one in found] == [place.path(row).stat().st_size for row in rows]
        assert [bool(one.error) for one in found] == [False, True, True]


def test_a_strange_type_inside_a_value_hides_only_itself(place: Place) -> None:
    inside = collections.defaultdict(list, {"k": [Path("/x"), subprocess.CompletedProcess([], 0)]})
    (found,) = place.values(place.put({"a": 1, "b": inside}))
    assert found.error == ""
    assert "'a': 1" in found.text
    assert "<subprocess.CompletedProcess>" in found.text


@pytest.mark.parametrize(
    "attack",
    [
        Does(open, "/tmp/mfa-touched", "w"),
        Does(os.system, "touch /tmp/mfa-touched"),
        Does(subprocess.Popen, ["touch", "/tmp/mfa-touched"]),
        Does(eval, "open('/tmp/mfa-touched', 'w')"),
        Does(__import__, "os"),
    ],
)
def test_code_in_a_pickle_does_not_run_and_is_named(place: Place, attack: Does) -> None:
    touched = Path("/tmp/mfa-touched")
    touched.unlink(missing_ok=True)
    (found,) = place.values(place.put(attack))
    assert "which is not loaded here" in found.error
    assert not touched.exists()


def test_a_pickle_that_wants_four_gigabytes_is_stopped(place: Place) -> None:
    (found, other) = place.values(place.put(Does(bytearray, 4 * 2**30)), place.put("harmless"))
    assert "memory" in found.error
    assert other.text == "harmless"


def test_a_pickle_that_runs_for_ever_is_stopped_and_the_next_is_shown(place: Place) -> None:
    value: list[Any] = []
    for _ in range(60):
        value = [value, value]  # 2^60 pairs of brackets when written out
    started = time.monotonic()
    found, other = place.values(place.put(value), place.put([1]))
    assert "was stopped" in found.error or "memory" in found.error
    assert other.text == "[1]"
    assert time.monotonic() - started < 15


def test_a_bomb_of_zeros_is_not_unpacked(place: Place) -> None:
    (found,) = place.values(place.put_bytes(b"\0" * 200 * MEBIBYTE))
    assert "larger than" in found.error


def test_deep_nesting_is_reported(place: Place) -> None:
    (found,) = place.values(place.put_bytes(b"]" * 100_000 + b"a" * 99_999 + b"."))
    assert found.error


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/passwd')",
        "os.fork()",
        "__import__('socket').socket()",
        "os.open('/tmp', os.O_RDONLY)",
        "bytearray(600 * 2**20)",
        "os.setuid(0)" if os.geteuid() == 0 else "os.fork()",
    ],
)
def test_the_confined_process_could_not_do_harm_even_if_it_ran_code(attempt: str) -> None:
    """The second wall by itself: code is run in a process confined as a decoder is."""
    root = Path(metaflow_anywhere.__file__).parents[1]
    program = f"""
import os, socket, sys
sys.path.append({str(root)!r})
from metaflow_anywhere.pickles.zygote import confine
confine(61043)
try:
    {attempt}
    print('done')
except (OSError, MemoryError) as error:
    print('refused', type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("refused"), done


def test_a_damaged_or_truncated_artifact_is_reported(place: Place) -> None:
    cut, other, swapped = place.put("x" * 5000), place.put("other"), place.put("swapped")
    place.path(cut).write_bytes(place.path(cut).read_bytes()[:-12])
    place.path(swapped).write_bytes(gzip.compress(pickle.dumps("another")))
    found = place.values(cut, other, swapped)
    assert "damaged" in found[0].error
    assert found[1].text == "other"
    assert "damaged" in found[2].error


def test_what_is_too_large_is_not_read(place: Place) -> None:
    (found,) = place.values(place.put(os.urandom(5000)), max_bytes=4096)
    assert found.name == "artifact-too-large"


def test_a_missing_file_and_a_foreign_datastore_are_reported(place: Place) -> None:
    row = place.put("gone")
    place.path(row).unlink()
    found = place.values(row, {**row, "ds_type": "s3"})
    assert found[0].name == "artifact-not-accessible"
    assert "s3" in found[1].error


@pytest.mark.parametrize("flow", ["..", "../..", "/etc", "a/b", ".", "", "a\0b"])
def test_a_flow_cannot_lead_out_of_the_datastore(place: Place, flow: str) -> None:
    row = place.put("x")
    (found,) = place.values({**row, "flow_id": flow})
    assert found.error


@pytest.mark.parametrize("sha", ["../../../etc/passwd", "/etc/passwd", "", "A" * 40, "0" * 39])
def test_a_key_cannot_lead_out_of_the_datastore(place: Place, sha: str) -> None:
    (found,) = place.values({"flow_id": "Flow", "ds_type": "local", "sha": sha})
    assert "no key of an artifact" in found.error


@pytest.mark.parametrize("level", ["file", "folder", "flow"])
def test_links_in_a_datastore_are_not_followed(place: Place, level: str) -> None:
    row = place.put("secret")
    real = place.path(row)
    linked = {"file": real, "folder": real.parent, "flow": place.store / "Flow"}[level]
    outside = place.folder / "outside"
    linked.rename(outside)
    linked.symlink_to(outside)
    (found,) = place.values(row)
    assert "is a link, and is not followed" in found.error


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    store = Datastore(tmp_path)
    store.root.mkdir()
    os.mkfifo(store.root / "pipe")
    (store.root / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OutsideDatastore):
            store.open(name)
    with pytest.raises(FileNotFoundError):
        store.open("none")
    assert store.names("none") == store.names("pipe") == []


def test_the_cache_is_bounded_and_used(tmp_path: Path) -> None:
    place = Place(tmp_path, cache_bytes=50_000)
    rows = [place.put("x" * 5000 + str(number)) for number in range(20)]
    assert all(not value.error for value in place.values(*rows))
    kept = list(place.cache.iterdir())
    assert 0 < sum(path.stat().st_size for path in kept) <= 50_000
    newest = max(kept, key=lambda path: path.stat().st_mtime_ns)
    newest.write_text('{"text": "from the cache"}')
    row = next(row for row in rows if row["sha"] == newest.name.partition(".")[0])
    assert place.values(row)[0].text == "from the cache"
    newest.write_text("damaged")
    assert place.values(row)[0].text.startswith("xxx")


def test_a_cache_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.cache.write_text("a file in its place")
    assert place.values(place.put("value"))[0].text == "value"


class Sets:
    """A value whose pickle changes a class that others are shown with."""

    def __init__(self, name: str, **state: Any) -> None:
        self.data = b"\x80\x04cfractions\n%s\n(N}" % name.encode()
        for key, text in state.items():
            self.data += b"X%s%sccollections\n%s\ns" % (len(key).to_bytes(4, "little"), key.encode(), text.encode())
        self.data += b"tb0I1\n."


def test_a_pickle_cannot_change_what_is_shown_of_another(place: Place) -> None:
    evil = place.put_bytes(Sets("Fraction", __str__="Counter").data)
    victim = place.put(fractions.Fraction(1, 3))
    for _ in range(2):  # decoded, then kept
        found = place.values(evil, victim, again=True)
        assert found[0].text == "1"  # it was decoded to its end
        assert found[1].text == "1/3"
    assert place.values(victim)[0].text == "1/3"


def slow_values(place: Place, count: int) -> list[dict[str, Any]]:
    """Artifacts that each take all the time that one may take."""
    rows = []
    for number in range(count):
        value: list[Any] = [number]
        for _ in range(60):
            value = [value, value]
        rows.append(place.put(value))
    return rows


def test_work_that_nobody_waits_for_is_dropped_and_turns_are_fair(place: Place) -> None:
    slow, quick = slow_values(place, 24), place.put("quick")

    async def scenario() -> None:
        decoder = Decoder(Datastore(place.folder / "store"), Cache(place.cache, MEBIBYTE))
        ask = functools.partial(decoder.values, max_bytes=MEBIBYTE)
        greedy = [asyncio.create_task(ask([row], client="greedy")) for row in slow]
        await asyncio.sleep(0.3)
        started = time.monotonic()
        assert (await ask([quick], client="patient"))[0].text == "quick"
        assert time.monotonic() - started < 2
        for one in greedy:
            one.cancel()
        await asyncio.gather(*greedy, return_exceptions=True)
        started = time.monotonic()
        assert (await ask([place.put("next")], client="greedy"))[0].text == "next"
        assert time.monotonic() - started < 2
        await decoder.close()

    asyncio.run(scenario())


def test_turns_go_round_and_none_is_lost() -> None:
    async def scenario() -> list[str]:
        turns, order = Turns(1), []

        async def work(client: str) -> None:
            async with turns.of(client):
                order.append(client)
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(work(client)) for client in ["a"] * 6 + ["b", "c", "b"]]
        await asyncio.sleep(0)
        for task in tasks[1:3]:  # two of a's leave while they wait
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return order

    order = asyncio.run(scenario())
    assert sorted(order) == ["a"] * 4 + ["b"] * 2 + ["c"]
    assert order[:3] == ["a", "b", "c"] or order[1:4] in (["b", "c", "a"], ["a", "b", "c"])
