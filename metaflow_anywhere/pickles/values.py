"""The unpickler: values of a few harmless types, and stand-ins that do nothing for the rest.

A stand-in is made so that what is around it can be built all the same: it can be called, filled, and be the zone of a
time.
"""

from __future__ import annotations

import builtins
import collections
import datetime
import decimal
import encodings.latin_1  # noqa: F401  # protocol 2 stores bytes with it
import fractions
import pathlib
import pickle
import uuid
from typing import Any, cast

from metaflow_anywhere.pickles import arrays, zones

LONGEST_LABEL = 200

HARMLESS: dict[tuple[str, str], Any] = {
    (kind.__module__, kind.__qualname__): kind
    for kind in (
        bool, bytes, complex, dict, float, frozenset, int, list, range, set, slice, str, tuple,
        collections.Counter, collections.OrderedDict, collections.deque,
        datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone,
        decimal.Decimal, fractions.Fraction, uuid.UUID,
        pathlib.PosixPath, pathlib.PurePosixPath,
        *(kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    )
}  # fmt: skip
HARMLESS[("builtins", "bytearray")] = bytearray
HARMLESS[("builtins", "xrange")] = range  # as protocol 2 has it
HARMLESS[("pathlib", "PosixPath")] = pathlib.PurePosixPath
HARMLESS[("pathlib._local", "PosixPath")] = pathlib.PurePosixPath


class _Labelled(type):
    """Classes of stand-ins: a pickle may hold the class itself."""

    label: str

    def __repr__(cls) -> str:
        return f"<{cls.label}>"


class StandIn(datetime.tzinfo, metaclass=_Labelled):
    """What a pickle has in the place of a thing that is not built here."""

    label = "?"
    state: object = None

    def __new__(cls, *arguments: object, **options: object) -> StandIn:
        made = super().__new__(cls)
        # A function that rebuilds an object is given its class first.
        kind = arguments[0] if arguments else None
        made.label = kind.label if isinstance(kind, _Labelled) else cls.label
        return made

    def __init__(self, *arguments: object, **options: object) -> None:
        pass

    def __call__(self, *arguments: object, **options: object) -> StandIn:
        return self

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, item: object) -> None:
        pass

    def extend(self, items: object) -> None:
        pass

    def add(self, item: object) -> None:
        pass

    def utcoffset(self, moment: object) -> None:
        """Unknown, like all of a zone that is not built here."""

    def dst(self, moment: object) -> None:
        """Unknown."""

    def tzname(self, moment: object) -> str:
        return self.label

    def __repr__(self) -> str:
        return f"<{self.label}>"


class Caught:
    """An exception that Metaflow's ``catch`` stored: its text is what a flow prints of it."""

    __module__ = "metaflow.exception"
    __qualname__ = "MetaflowExceptionWrapper"

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        self.state = state if isinstance(state, dict) else {}

    def __repr__(self) -> str:
        trace = self.state.get("stacktrace")
        return str(trace or f"{self.state.get('type')}: {self.state.get('exception')}")


class Unpickler(pickle.Unpickler):
    """Builds harmless values, and stand-ins for the rest."""

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins", "exceptions": "builtins"}.get(module, module)
        found = HARMLESS.get((module, name)) or SPECIAL.get((module, name))
        if found is None and module.partition(".")[0] == "numpy":
            found = arrays.PARTS.get(name)
        return found or stand_in(f"{module}.{name}")

    def persistent_load(self, pid: object) -> object:
        raise pickle.UnpicklingError("it refers to an object outside of it")


class NeedsOwnProcess(BaseException):
    """The pickle names a class or a function."""


class PlainUnpickler(pickle.Unpickler):
    """Builds numbers, texts and containers of them: nothing that a pickle could change a class with."""

    def find_class(self, module: str, name: str) -> Any:
        raise NeedsOwnProcess

    def persistent_load(self, pid: object) -> object:
        raise NeedsOwnProcess


def stand_in(label: str) -> type[StandIn]:
    """A class of stand-ins."""
    return cast("type[StandIn]", _Labelled("StandIn", (StandIn,), {"label": label[:LONGEST_LABEL]}))


def _latin_1(text: str, encoding: str = "latin1") -> bytes:
    """How protocol 2 stores bytes."""
    return text.encode("latin-1")


def _defaultdict(*_: object) -> dict[object, object]:
    """A defaultdict without its factory, which would be called."""
    return {}


def _zone(key: object, *_: object) -> datetime.tzinfo:
    """A time zone of the standard library."""
    known = zones.ZONES.get(key) if isinstance(key, str) else None
    return known or stand_in(f"zoneinfo.ZoneInfo {key!s:.60}")()


def _member(owner: object, name: object) -> Any:
    """A member of a class; nothing is looked up, only named."""
    if owner is ZONE_INFO and name == "_unpickle":
        return _zone
    return stand_in(f"{owner.label if isinstance(owner, _Labelled) else type(owner).__name__}.{name!s:.60}")


ZONE_INFO = stand_in("zoneinfo.ZoneInfo")
SPECIAL: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _latin_1,
    ("collections", "defaultdict"): _defaultdict,
    ("builtins", "getattr"): _member,
    ("zoneinfo", "ZoneInfo"): ZONE_INFO,
    ("zoneinfo", "ZoneInfo._unpickle"): _zone,
    ("metaflow.exception", "MetaflowExceptionWrapper"): Caught,
}
