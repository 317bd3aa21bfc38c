"""One odd part does not hide what is around it, and what can be read without its package is."""

from __future__ import annotations

import base64
import collections
import datetime
import json
import pickle
import sys
import zoneinfo
from collections.abc import Iterator
from typing import Any

import pytest
from metaflow.exception import MetaflowExceptionWrapper

from metaflow_anywhere.pickles import zones
from metaflow_anywhere.pickles.showing import INTEGER_DIGITS, Unshowable, decode
from tests.pickles.numpy_pickles import PICKLES

PARIS = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"))


@pytest.fixture(autouse=True, scope="module")
def prepared() -> Iterator[None]:
    """As the process that decodes is."""
    zones.load()
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(INTEGER_DIGITS)
    yield
    sys.set_int_max_str_digits(before)


class Zone(datetime.tzinfo):
    """A zone of a package that is not there."""

    def __reduce__(self) -> Any:
        return Zone, ()

    def dst(self, moment: object) -> None:
        return None

    def tzname(self, moment: object) -> None:
        return None

    def utcoffset(self, moment: object) -> datetime.timedelta:
        return datetime.timedelta(hours=1)


class Builder:
    """A value that is rebuilt by what another call returns."""

    def __reduce__(self) -> Any:
        return Chain(), ("argument",)


class Chain:
    def __call__(self, *_: object) -> Builder:
        return Builder()


def shown(value: Any, protocol: int = 4) -> dict[str, Any]:
    return decode(pickle.dumps(value, protocol=protocol), "")


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    "value",
    [
        PARIS, {"made": PARIS, "rows": 10, "name": "x"}, [PARIS.timetz()], ValueError("why"), {"failed": [KeyError(1)]},
        {"digits": 10**5000, "ok": 1}, [10**5000], {10**5000: "key"}, (True, {-(10**5000)}),
        collections.deque([10**4500]),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else None,
)  # fmt: skip
def test_what_is_whole_is_shown_as_python_writes_it(value: Any, protocol: int) -> None:
    found = shown(value, protocol)
    assert found["text"] == str(value)
    json.loads(found["json"])


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        ({"made": PARIS.replace(tzinfo=Zone()), "rows": 10}, "datetime.datetime(2026, 1, 2, 3, 4, tzinfo=<"),
        ({"b": Builder(), "rows": 10}, "<tests.pickles.test_values.Chain>"),
        ({"vast": 10**30_000, "rows": 10}, "<an integer of about 30001 digits>"),
        ({"class": Zone, "rows": 10}, "<tests.pickles.test_values.Zone>"),
        ({"deep": [[{"a": (10**30_000,)}]], "rows": 10}, "[[{'a': (<an integer of about"),
        ({10**30_000: "key", "rows": 10}, "<an integer of about"),
        ({"failed": ValueError(10**30_000), "rows": 10}, "<ValueError, which cannot be written out: ValueError>"),
    ],
    ids=["zone", "called", "vast", "class", "deep", "key", "exception"],
)
def test_a_part_that_cannot_be_shown_hides_itself_only(value: Any, inside: str) -> None:
    found = shown(value)
    assert inside in found["text"]
    assert "'rows': 10" in found["text"]
    assert json.loads(found["json"])["rows"] == 10


def test_a_time_whose_zone_is_unknown_says_so() -> None:
    assert shown(PARIS.replace(tzinfo=Zone()))["text"] == "2026-01-02 03:04:00 <tests.pickles.test_values.Zone>"


@pytest.mark.parametrize(("stored", "text", "kind"), PICKLES.values(), ids=PICKLES)
def test_numbers_and_small_arrays_of_numpy_need_no_numpy(stored: str, text: str, kind: str) -> None:
    found = decode(base64.b85decode(stored), "")
    assert (found["text"], found["kind"]) == (text, kind)
    assert found["json"] is not None
    assert json.loads(found["json"]) is not None


def test_a_caught_exception_is_shown_as_a_flow_prints_it() -> None:
    try:
        raise ValueError("ünïcode failure")
    except ValueError as error:
        caught = MetaflowExceptionWrapper(error)
    for value in (caught, {"failure": caught, "n": 1}):
        found = shown(value)
        assert "ValueError: ünïcode failure" in found["text"]
    assert found["kind"] == "dict"
    assert shown(caught)["kind"] == "metaflow.exception.MetaflowExceptionWrapper"
    bare = MetaflowExceptionWrapper(ValueError("why"))
    assert shown(bare)["text"].endswith("ValueError: why")


def test_what_is_only_a_stand_in_is_named() -> None:
    with pytest.raises(Unshowable, match=r"test_values\.Zone, which is not loaded here"):
        shown(Zone())
