"""Cards over HTTP, as lists, pages and live data.

A page may be asked for with ``bridge=1``: then it ends with `bridge.js`, through which whoever shows it in a frame
hands on what has changed, and hears how high the card is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from aiohttp import web

from metaflow_anywhere.far.hand import beat
from metaflow_anywhere.far.reach import Hanging
from metaflow_anywhere.modes import open_private
from metaflow_anywhere.strict_json import encoded
from metaflow_anywhere.ui_backend.cards.owners import Owner, owners
from metaflow_anywhere.ui_backend.cards.places import Card, fixed_folders, folders_above, look
from metaflow_anywhere.ui_backend.datastore import Datastore, OutsideDatastore
from metaflow_anywhere.ui_backend.envelope import json_response, many
from metaflow_anywhere.ui_backend.far_reads import far, reading
from metaflow_anywhere.ui_backend.graph import Graphs
from metaflow_anywhere.ui_backend.resources import POOL, TASK
from metaflow_anywhere.ui_backend.settings import UISettings

# A card is whatever a user's code made. In an origin of its own it runs its scripts and reaches nothing of ours, in
# the page's frame and opened alone. (`card_policy` says when that is given up.)
SANDBOX = "sandbox allow-scripts allow-popups allow-popups-to-escape-sandbox allow-downloads"
NO_DATA = {"error": "Card data not found for task"}
LARGEST_DATA_BYTES = 32 * 2**20  # live data are checked as a whole before they are sent
LARGE_DATA = {"error": f"Card data are larger than {LARGEST_DATA_BYTES // 2**20} MiB, and are not shown"}
DEEP_DATA = {"error": "Card data are nested too deeply to be shown"}
CHUNK_BYTES = 256 * 1024  # of a page, read and sent at once
COPY_BYTES = 128 * 1024  # read from a drive between two signs of life
BRIDGE = b"\n<script>\n" + Path(__file__).with_name("bridge.js").read_bytes() + b"</script>\n"
NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9_.@+-]")


@dataclass(frozen=True)
class Found:
    """A card, the attempt that has made it where that is known, and the task it was taken over from, if it was."""

    card: Card
    attempt: int | None
    origin: str | None


class Cards:
    """Answers for the cards of all tasks."""

    def __init__(self, datastore: Datastore, folders: tuple[Path, ...], graphs: Graphs, policy: str) -> None:
        self._fixed = fixed_folders(datastore, folders)
        self._graphs = graphs
        self._policy = policy

    def routes(self) -> list[web.RouteDef]:
        """The list, the page and the live data of cards."""
        return [
            web.get(f"{TASK}/cards", self._list),
            web.get(f"{TASK}/cards/{{hash}}", self._page),
            web.get(f"{TASK}/cards/{{hash}}/data", self._data),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        tasks = await owners(request.app[POOL], request.match_info)
        if not tasks:
            return json_response({"data": []}, 404)
        found = await self._cards(tasks, request)
        rows = await reading([one.card.folder for one in found], _rows, found)
        return many(request, rows, page=1, limit=max(1, len(rows)), last=1)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        found = await self._one(request)
        if isinstance(found, str):
            return web.Response(status=404, text=found, content_type="text/html")
        with contextlib.ExitStack() as stack:
            file = await _file(found.card, stack)
            if file is None:
                return web.Response(status=404, text="Card not found for task", content_type="text/html")
            stack.callback(file.close)
            response = web.StreamResponse(headers={"Content-Security-Policy": self._policy})
            response.content_type, response.charset = "text/html", "utf-8"
            if request.query.get("download") == "true":
                name = NOT_IN_FILE_NAMES.sub("_", found.card.file_name)
                response.headers["Content-Disposition"] = f"Attachment;filename={name}"
            await response.prepare(request)
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                await response.write(chunk)
            if request.query.get("bridge") == "1":
                await response.write(BRIDGE)
            await response.write_eof()
            return response

    async def _data(self, request: web.Request) -> web.Response:
        found = await self._one(request)
        if isinstance(found, str):
            return json_response(NO_DATA, 404)
        try:
            data = await reading([found.card.folder], _read_data, found.card)
        except Hanging:
            raise
        except _TooLargeError:
            return json_response(LARGE_DATA, 404)
        except RecursionError:
            return json_response(DEEP_DATA, 404)
        except (OSError, OutsideDatastore, ValueError):  # none, or being written at this moment
            return json_response(NO_DATA, 404)
        ending = encoded({"id": found.card.id, "type": found.card.type})
        return web.Response(body=b'{"data": ' + data + b", " + ending[1:], content_type="application/json")

    async def _one(self, request: web.Request) -> Found | str:
        """The card that a path names, or why there is none."""
        tasks = await owners(request.app[POOL], request.match_info)
        if not tasks:
            return "Task not found"
        wanted = request.match_info["hash"]
        found = (one for one in await self._cards(tasks, request) if one.card.hash == wanted)
        return next(found, "Card not found for task")

    async def _cards(self, tasks: list[Owner], request: web.Request) -> list[Found]:
        """The cards of the first of the ``tasks`` that has any, each once, by attempt, type and id."""
        cards: list[Card] = []
        for task in tasks:
            cards = await reading(self._fixed, look, self._fixed, task.place)
            if not cards and task is tasks[0]:
                source = await self._graphs.source_file(request)
                above = folders_above(source)
                cards = await reading(above, look, above, task.place)
            if cards:
                break
        origin = None if task is tasks[0] else task.place.path
        found = [Found(card, task.attempts.get(card.hash), origin) for card in cards]
        return sorted(found, key=lambda one: (one.attempt or 0, one.card.type, one.card.id or "", one.card.hash))


def card_policy(settings: UISettings) -> str:
    """The Content-Security-Policy of cards. Other web UIs show them in frames too.

    With ``open_cards`` a card shares the page's origin: a web UI that calls functions of the card's page, as the
    official one does for live cards, can; but then a card's script can do whatever its viewer can.
    """
    origins = [settings.frame_ancestors, *(one for one in settings.allowed_origins if one != "*")]
    framed = f"frame-ancestors {' '.join(dict.fromkeys(origins))}"
    return framed if settings.open_cards else f"{SANDBOX}; {framed}"


def _row(found: Found) -> dict[str, Any]:
    """A card as lists have it: what an official backend says of it, then what only this one knows."""
    card = found.card
    version, data_version = card.versions()
    return {
        "id": card.id,
        "hash": card.hash,
        "type": card.type,
        "attempt_id": found.attempt,
        "origin": found.origin,
        "version": version,
        "data_version": data_version,
    }


def _rows(found: list[Found]) -> list[bytes]:
    rows = []
    for one in found:
        rows.append(encoded(_row(one)))
        beat()
    return rows


async def _file(card: Card, stack: contextlib.ExitStack) -> BinaryIO | None:
    """The page to be sent: from a copy if it is on a drive, which may hang at any moment."""
    if far([card.folder]) is None:
        return await asyncio.to_thread(_opened, card.open)
    copy = stack.enter_context(tempfile.NamedTemporaryFile())  # noqa: SIM115  # the stack closes it
    if not await reading([card.folder], _copied, card, copy.name):
        return None
    return Path(copy.name).open("rb")  # a disk's


def _copied(card: Card, target: str) -> bool:
    """Whether there is such a page; it is copied to ``target``."""
    file = _opened(card.open)
    if file is None:
        return False
    with file, open_private(Path(target), "wb") as copy:
        while piece := file.read(COPY_BYTES):
            copy.write(piece)
            beat()
    return True


def _opened(opened: Callable[[], BinaryIO]) -> BinaryIO | None:
    with contextlib.suppress(OSError, OutsideDatastore):
        return opened()
    return None


class _TooLargeError(Exception):
    """Live data that are not read."""


def _read_data(card: Card) -> bytes:
    """The live data, if they are JSON. Raises OSError, OutsideDatastore, ValueError, RecursionError, _TooLargeError."""
    with card.open_data() as file:
        text = file.read(LARGEST_DATA_BYTES + 1)
    if len(text) > LARGEST_DATA_BYTES:
        raise _TooLargeError
    return _strictly(text)


def _strictly(text: bytes) -> bytes:
    """``text`` if it is JSON, with null for the numbers that only Python's has. Raises ValueError, RecursionError."""
    odd: list[str] = []
    document = json.loads(text.decode(), parse_constant=odd.append)
    return encoded(document) if odd else text
