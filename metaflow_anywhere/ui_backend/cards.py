"""Cards, wherever the client put them, as lists, pages and live data.

A client writes cards beside the artifacts if METAFLOW_CARD_LOCALROOT is set (``invoke env`` sets it), else to the
``.metaflow/mf.cards`` of its working directory or of the nearest folder above that has one. So three kinds of places
are looked at: the datastore, the folders that settings name, and those above the flow's own source file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from metaflow_anywhere.ui_backend.datastore import LOCAL, Datastore, Folder, OutsideDatastore
from metaflow_anywhere.ui_backend.envelope import json_response, many
from metaflow_anywhere.ui_backend.graph import Graphs
from metaflow_anywhere.ui_backend.resources import POOL, TASK
from metaflow_anywhere.ui_backend.settings import UISettings
from metaflow_anywhere.ui_backend.tables import IN_RUN, RUN, TASK_ID, address, read

FOLDER = "mf.cards"
NAME = re.compile(r"(?P<type>[^-/]+)(?:-(?P<id>.+))?-(?P<hash>[0-9A-Za-z]+)\.html")
HIGHEST_LEVELS = 12  # above a flow's source file
# A card is whatever a user's code made. In an origin of its own it runs its scripts and reaches nothing of ours, in
# the page's frame and opened alone. (`card_policy` says when that is given up.)
SANDBOX = "sandbox allow-scripts allow-popups allow-popups-to-escape-sandbox allow-downloads"
NO_DATA = {"error": "Card data not found for task"}
CHUNK_BYTES = 256 * 1024  # of a page, read and sent at once
LARGEST_DATA_BYTES = 32 * 2**20  # live data are checked as a whole before they are sent
LARGE_DATA = {"error": f"Card data are larger than {LARGEST_DATA_BYTES // 2**20} MiB, and are not shown"}
DEEP_DATA = {"error": "Card data are nested too deeply to be shown"}

THE_TASK = f"""
    WITH {RUN} SELECT json_build_array(coalesce(run_id, run_number::text), coalesce(task_name, task_id::text))::text
    FROM tasks_v3 WHERE {IN_RUN} AND step_name = %(step)s AND task_id = {TASK_ID}
"""


@dataclass(frozen=True)
class Card:
    """One card of a task: the ``folder`` it was found in and the ``names`` that lead to its page in there."""

    type: str
    id: str | None
    hash: str
    folder: Folder
    names: tuple[str, ...]

    def open(self) -> BinaryIO:
        """The page. Raises OSError, OutsideDatastore."""
        return self.folder.open(*self.names)

    def open_data(self) -> BinaryIO:
        """The live data, which is beside the folder of pages. Raises OSError, OutsideDatastore."""
        *above, _, page = self.names
        return self.folder.open(*above, "runtime", page.removesuffix(".html") + ".data.json")


@dataclass(frozen=True)
class Place:
    """A task as paths name it."""

    flow: str
    run: str
    step: str
    task: str

    def folders(self) -> Iterator[tuple[str, ...]]:
        """Where a folder of cards has this task's: today, and in clients that left the step out."""
        yield (self.flow, "runs", self.run, "steps", self.step, "tasks", self.task, "cards")
        yield (self.flow, "runs", self.run, "tasks", self.task, "cards")


class Cards:
    """All places where cards may be."""

    def __init__(self, datastore: Datastore, folders: tuple[Path, ...], graphs: Graphs, policy: str) -> None:
        self._fixed = [datastore, Folder(datastore.root / FOLDER)]
        for folder in folders:
            self._fixed += [Folder(folder / LOCAL / FOLDER), Folder(folder / FOLDER), Folder(folder)]
        self._graphs = graphs
        self._headers = {"Content-Security-Policy": policy}

    def routes(self) -> list[web.RouteDef]:
        """The list, the page and the live data of cards."""
        return [
            web.get(f"{TASK}/cards", self._list),
            web.get(f"{TASK}/cards/{{hash}}", self._page),
            web.get(f"{TASK}/cards/{{hash}}/data", self._data),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        place = await _find(request)
        if place is None:
            return json_response({"data": []}, 404)
        found = [{"id": card.id, "hash": card.hash, "type": card.type} for card in await self._cards(place, request)]
        rows = [json.dumps(card).encode() for card in found]
        return many(request, rows, page=1, limit=max(1, len(rows)), last=1)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        with contextlib.ExitStack() as stack:
            file = await self._open(request, Card.open, stack)
            if file is None:
                return web.Response(status=404, text="Card not found for task", content_type="text/html")
            response = web.StreamResponse(headers=self._headers)
            response.content_type, response.charset = "text/html", "utf-8"
            await response.prepare(request)
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                await response.write(chunk)
            await response.write_eof()
            return response

    async def _data(self, request: web.Request) -> web.Response:
        with contextlib.ExitStack() as stack:
            file = await self._open(request, Card.open_data, stack)
            text = b"" if file is None else await asyncio.to_thread(file.read, LARGEST_DATA_BYTES + 1)
        if len(text) > LARGEST_DATA_BYTES:
            return json_response(LARGE_DATA, 404)
        try:
            data = await asyncio.to_thread(_strictly, text)
        except RecursionError:
            return json_response(DEEP_DATA, 404)
        except ValueError:  # none, or one that is being written at this moment
            return json_response(NO_DATA, 404)
        card = await self._card(request)
        if card is None:
            return json_response(NO_DATA, 404)
        ending = json.dumps({"id": card.id, "type": card.type}).encode()
        return web.Response(body=b'{"data": ' + data + b", " + ending[1:], content_type="application/json")

    async def _open(
        self, request: web.Request, opened: Callable[[Card], BinaryIO], stack: contextlib.ExitStack
    ) -> BinaryIO | None:
        """The file of the card that is asked for, to be closed with ``stack``; None if there is none."""
        card = await self._card(request)
        if card is not None:
            with contextlib.suppress(OSError, OutsideDatastore):
                return stack.enter_context(await asyncio.to_thread(opened, card))
        return None

    async def _card(self, request: web.Request) -> Card | None:
        place = await _find(request)
        wanted = request.match_info["hash"]
        cards = await self._cards(place, request) if place is not None else []
        return next((card for card in cards if card.hash == wanted), None)

    async def _cards(self, place: Place, request: web.Request) -> list[Card]:
        """All cards of a task, each once, by type and id."""
        found = await asyncio.to_thread(_look, self._fixed, place)
        if not found:
            source = await self._graphs.source_file(request)
            found = await asyncio.to_thread(_look, _above(source), place)
        return sorted(found, key=lambda card: (card.type, card.id or "", card.hash))


def _strictly(text: bytes) -> bytes:
    """``text`` if it is JSON, with null for the numbers that only Python's has. Raises ValueError, RecursionError."""
    odd: list[str] = []
    document = json.loads(text.decode(), parse_constant=odd.append)
    return json.dumps(document).encode() if odd else text


async def _find(request: web.Request) -> Place | None:
    found = await read(request.app[POOL], THE_TASK, address(request.match_info))
    if not found:
        return None
    run, task = json.loads(found[0])
    return Place(request.match_info["flow"], run, request.match_info["step"], task)


def card_policy(settings: UISettings) -> str:
    """The Content-Security-Policy of cards. Other web UIs show them in frames too.

    With ``open_cards`` a card shares the page's origin: a web UI that calls functions of the card's page, as the
    official one does for live cards, can; but then a card's script can do whatever its viewer can.
    """
    origins = [settings.frame_ancestors, *(one for one in settings.allowed_origins if one != "*")]
    framed = f"frame-ancestors {' '.join(dict.fromkeys(origins))}"
    return framed if settings.open_cards else f"{SANDBOX}; {framed}"


def _look(folders: list[Folder], place: Place) -> list[Card]:
    found: dict[str, Card] = {}
    for folder in folders:
        for names in place.folders():
            with contextlib.suppress(OSError, OutsideDatastore):
                for name in folder.names(*names):
                    parts = NAME.fullmatch(name)
                    if parts is not None and parts["hash"] not in found:
                        card = Card(parts["type"], parts["id"], parts["hash"], folder, (*names, name))
                        found[card.hash] = card
    return list(found.values())


def _above(source: str | None) -> list[Folder]:
    """Folders of cards at and above the folder of a flow's source file."""
    if not source or not source.startswith("/") or ".." in source:
        return []
    return [Folder(folder / LOCAL / FOLDER) for folder in list(Path(source).parents)[:HIGHEST_LEVELS]]
