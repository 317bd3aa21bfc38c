"""The parent's side: reads stored artifacts, hands them to a confined process, and keeps what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from metaflow_anywhere.accounts import ROOTS_STAND_IN_UID
from metaflow_anywhere.ui_backend.datastore import Datastore, OutsideDatastore
from metaflow_anywhere.ui_backend.decoding import included
from metaflow_anywhere.ui_backend.decoding.cache import Cache
from metaflow_anywhere.ui_backend.decoding.value import UNREADABLE, Value

CHILD = Path(__file__).with_name("child.py")
CHILD_UID = ROOTS_STAND_IN_UID + 1  # not PostgreSQL's own: a decoder must not be able to touch the database
PROCESSES = 2
ANSWER_SECONDS = 6.0  # the child ends itself earlier; this is for one that cannot
ANSWER_BYTES = 24 * 2**20
KEPT_FAILURES = 1000
DIED = "decoding it took too long or too much memory, and was stopped"


class Decoder:
    """Values of artifacts of ``datastore``."""

    def __init__(self, datastore: Datastore, cache: Cache) -> None:
        self._datastore = datastore
        self._cache = cache
        self._turns = asyncio.Semaphore(PROCESSES)
        self._failed: OrderedDict[str, Value] = OrderedDict()

    async def values(self, artifacts: Sequence[dict[str, Any]], *, max_bytes: int, again: bool = False) -> list[Value]:
        """The value of each of the ``artifacts`` (rows). One whose file is larger than ``max_bytes`` is not decoded.

        ``again``: also what failed earlier is tried.
        """
        found: dict[str, Value] = {}
        blobs: dict[str, bytes] = {}
        sizes: dict[str, int | None] = {}
        for row in artifacts:
            key = _key(row)
            if key in found or key in blobs:
                continue
            known = None if again else self._failed.get(key)
            if known is not None:
                found[key], sizes[key] = known, known.size
                continue
            value, sizes[key] = await asyncio.to_thread(self._stored, row, max_bytes)
            if isinstance(value, Value):
                found[key] = value
            else:
                blobs[key] = value
        if blobs:
            async with self._turns:
                found.update(await self._decoded(blobs, sizes))
        shown = [replace(found[_key(row)], size=sizes[_key(row)]) for row in artifacts]
        for place, (row, value) in enumerate(zip(artifacts, shown, strict=True)):
            if value.kind == included.KIND and not value.error:
                shown[place] = await asyncio.to_thread(included.included, self._datastore, row["flow_id"], value)
        return shown

    def _stored(self, row: dict[str, Any], max_bytes: int) -> tuple[Value | bytes, int | None]:
        """The value where it is known or known to be unknowable, else the bytes to decode; and the size of its file."""
        if row["ds_type"] != "local":
            other = f"it is in a datastore of the kind {row['ds_type']}, and only local ones are read here"
            return Value(error=other), None
        sha = str(row["sha"])
        try:
            with self._datastore.blob(row["flow_id"], sha) as file:
                blob = file.read(max_bytes + 1)
                size = os.fstat(file.fileno()).st_size
        except (OSError, OutsideDatastore) as error:
            return _unreadable(error), None
        if len(blob) > max_bytes:
            return Value(error=f"it is larger than {max_bytes} bytes", name="artifact-too-large"), size
        kept = self._cache.get(sha)
        if kept is not None:
            with contextlib.suppress(ValueError, TypeError):
                return Value(**json.loads(kept)), size
        return blob, size

    async def _decoded(self, blobs: dict[str, bytes], sizes: dict[str, int | None]) -> dict[str, Value]:
        """Decode in one process, or in more if one dies of an artifact."""
        waiting = list(blobs)
        found: dict[str, Value] = {}
        while waiting:
            answers = await _run([(key.rpartition("/")[2], blobs[key]) for key in waiting])
            for answer in answers:
                found[waiting.pop(0)] = answer
            if waiting:  # the process ended at this one
                found[waiting.pop(0)] = Value(error=DIED)
        for key, value in found.items():
            if value.error:
                self._failed[key] = replace(value, size=sizes[key])
                while len(self._failed) > KEPT_FAILURES:
                    self._failed.popitem(last=False)
            else:
                self._failed.pop(key, None)
                document = json.dumps({"text": value.text, "json": value.json, "kind": value.kind}).encode()
                await asyncio.to_thread(self._cache.put, key.rpartition("/")[2], document)
        return found


def _unreadable(error: OSError | OutsideDatastore) -> Value:
    match error:
        case OutsideDatastore():
            return Value(error=str(error))
        case FileNotFoundError():
            return Value(error="its file is not in the datastore", name=UNREADABLE)
        case _:
            return Value(error=f"its file cannot be read: {error.strerror}", name=UNREADABLE)


async def _run(items: list[tuple[str, bytes]]) -> list[Value]:
    """One process's answers: fewer than ``items`` if one of them was its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", str(CHILD), str(CHILD_UID),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        limit=ANSWER_BYTES, env={}, cwd="/",
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    answers: list[Value] = []
    try:
        for sha, blob in items:
            process.stdin.write(json.dumps({"sha": sha, "bytes": len(blob)}).encode() + b"\n" + blob)
            await asyncio.wait_for(process.stdin.drain(), ANSWER_SECONDS)
            line = await asyncio.wait_for(process.stdout.readline(), ANSWER_SECONDS)
            if not line.endswith(b"\n"):
                break
            answers.append(Value(**json.loads(line)))
    except (OSError, ValueError, TypeError, asyncio.TimeoutError):
        pass  # whatever it was, the item at hand is the one that could not be decoded
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return answers


def _key(row: dict[str, Any]) -> str:
    return f"{row['ds_type']}/{row['flow_id']}/{row['sha']}"
