"""The parent's side: reads stored artifacts, hands each to a confined process of its own, and keeps what comes back.

One artifact at a time is read and decoded for a client, and the next client's turn comes after it. Who stops waiting
takes what is left of its work along.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from metaflow_anywhere.far.hand import beat
from metaflow_anywhere.far.reach import Hanging
from metaflow_anywhere.http.turns import Turns
from metaflow_anywhere.ui_backend.datastore import Datastore, OutsideDatastore
from metaflow_anywhere.ui_backend.decoding import included
from metaflow_anywhere.ui_backend.decoding.cache import Cache
from metaflow_anywhere.ui_backend.decoding.value import UNREADABLE, Value
from metaflow_anywhere.ui_backend.decoding.zygotes import Zygotes
from metaflow_anywhere.ui_backend.far_reads import reading

PROCESSES = 2
KEPT_FAILURES = 1000
PIECE_BYTES = 128 << 10  # read between two signs of life
T = TypeVar("T")
DIED = "decoding it took too long or too much memory, and was stopped"


class Decoder:
    """Values of artifacts of ``datastore``."""

    def __init__(self, datastore: Datastore, cache: Cache) -> None:
        self._datastore = datastore
        self._cache = cache
        self._turns = Turns(PROCESSES)
        self._zygotes = Zygotes()
        self._failed: OrderedDict[str, Value] = OrderedDict()

    async def values(
        self, artifacts: Sequence[dict[str, Any]], *, max_bytes: int, again: bool = False, client: str = ""
    ) -> list[Value]:
        """The value of each of the ``artifacts`` (rows). One whose file is larger than ``max_bytes`` is not decoded.

        ``again``: also what failed earlier is tried. ``client``: whose turns it takes.
        """
        found: dict[str, Value] = {}
        for row in artifacts:
            key = _key(row)
            if key not in found:
                known = None if again else self._failed.get(key)
                found[key] = known or await self._value(row, key, max_bytes, client)
        shown = [found[key] for key in map(_key, artifacts)]
        for place, (row, value) in enumerate(zip(artifacts, shown, strict=True)):
            if value.kind == included.KIND and not value.error:
                shown[place] = await self._read(included.included, row["flow_id"], value)
        return shown

    async def close(self) -> None:
        """End the processes that wait for work."""
        await self._zygotes.close()

    async def _value(self, row: dict[str, Any], key: str, max_bytes: int, client: str) -> Value:
        size = await self._read(_size, row, max_bytes)
        if isinstance(size, Value):
            return size
        known = await asyncio.to_thread(self._kept, row, size)
        if known is not None:
            return known
        async with self._turns.of(client):
            stored = await self._read(_stored, row, max_bytes)
            if isinstance(stored, Value):
                return stored
            blob, length = stored
            value = replace(await self._decoded(row, blob), size=length)
        if value.error:
            self._failed[key] = value
            while len(self._failed) > KEPT_FAILURES:
                self._failed.popitem(last=False)
        else:
            self._failed.pop(key, None)
            document = json.dumps({"text": value.text, "json": value.json, "kind": value.kind}).encode()
            await asyncio.to_thread(self._cache.put, str(row["sha"]), document)
        return value

    async def _decoded(self, row: dict[str, Any], blob: bytes) -> Value:
        answer = await self._zygotes.answer(str(row["sha"]), blob)
        with contextlib.suppress(TypeError):
            return Value(error=DIED) if answer is None else Value(**answer)
        return Value(error=DIED)

    def _kept(self, row: dict[str, Any], size: int) -> Value | None:
        kept = self._cache.get(str(row["sha"]))
        if kept is not None:
            with contextlib.suppress(ValueError, TypeError):
                return Value(**json.loads(kept), size=size)
        return None

    async def _read(self, function: Callable[..., T], *arguments: object) -> T | Value:
        """What ``function`` reads of the datastore; the reason there is none if the drive hangs."""
        try:
            return await reading([self._datastore], function, self._datastore, *arguments)
        except Hanging as error:
            return Value(error=f"its file cannot be read: the drive does not answer; {error}", name=UNREADABLE)


def _size(datastore: Datastore, row: dict[str, Any], max_bytes: int) -> Value | int:
    """How many bytes its file has, or why its value cannot be known."""
    if row["ds_type"] != "local":
        return Value(error=f"it is in a datastore of the kind {row['ds_type']}, and only local ones are read here")
    try:
        with datastore.blob(row["flow_id"], str(row["sha"])) as file:
            size = os.fstat(file.fileno()).st_size
    except (OSError, OutsideDatastore) as error:
        return _unreadable(error)
    if size > max_bytes:
        return Value(error=f"it is larger than {max_bytes} bytes", name="artifact-too-large", size=size)
    return size


def _stored(datastore: Datastore, row: dict[str, Any], max_bytes: int) -> Value | tuple[bytes, int]:
    """The bytes of its file and how many they are, or why there are none."""
    try:
        with datastore.blob(row["flow_id"], str(row["sha"])) as file:
            pieces, left = [], max_bytes + 1
            while left and (piece := file.read(min(left, PIECE_BYTES))):
                pieces.append(piece)
                left -= len(piece)
                beat()
            blob = b"".join(pieces)
    except (OSError, OutsideDatastore) as error:
        return _unreadable(error)
    if len(blob) > max_bytes:
        return Value(error=f"it is larger than {max_bytes} bytes", name="artifact-too-large")
    return blob, len(blob)


def _unreadable(error: OSError | OutsideDatastore) -> Value:
    match error:
        case OutsideDatastore():
            return Value(error=str(error))
        case FileNotFoundError():
            return Value(error="its file is not in the datastore", name=UNREADABLE)
        case _:
            return Value(error=f"its file cannot be read: {error.strerror}", name=UNREADABLE)


def _key(row: dict[str, Any]) -> str:
    return f"{row['ds_type']}/{row['flow_id']}/{row['sha']}"
