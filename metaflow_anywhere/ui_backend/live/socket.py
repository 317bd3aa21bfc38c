"""The WebSocket of one browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from metaflow_anywhere.ui_backend.live.hub import Client, Hub, Subscription
from metaflow_anywhere.ui_backend.live.matching import parse_resource

PING, PONG = "__ping__", "__pong__"
HEARTBEAT_SECONDS = 30.0  # a browser that has gone without a word is noticed within two
LARGEST_MESSAGE_BYTES = 64 * 1024
LONGEST_ID = 200

Subscribed = Callable[[Client, Subscription, float], None]


def handler(hub: Hub, subscribed: Subscribed) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler of ``/ws``; ``subscribed`` is told of subscriptions that ask for what they missed."""

    async def answer(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=LARGEST_MESSAGE_BYTES, compress=False)
        await socket.prepare(request)
        client = Client()
        hub.clients.add(client)
        sending = asyncio.create_task(_send(socket, client))
        ending = asyncio.create_task(_end(socket, client))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    _take(hub, client, message.data, subscribed)
        finally:
            hub.leave(client)
            for task in (sending, ending):
                task.cancel()
            await asyncio.gather(sending, ending, return_exceptions=True)
        return socket

    return answer


def parse(text: str | bytes) -> dict[str, Any] | None:
    """A JSON object, or None."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(text)
        return found if isinstance(found, dict) else None
    return None


def _take(hub: Hub, client: Client, text: str, subscribed: Subscribed) -> None:
    """Do what a message says; what makes no sense is ignored."""
    if text == PING:
        client.send(PONG)
        return
    message = parse(text) or {}
    uuid = message.get("uuid")
    if not isinstance(uuid, str) or len(uuid) > LONGEST_ID:
        return
    if message.get("type") == "UNSUBSCRIBE":
        hub.unsubscribe(client, uuid)
    elif message.get("type") == "SUBSCRIBE" and isinstance(message.get("resource"), str):
        try:
            subscription = Subscription(uuid, parse_resource(message["resource"]))
        except ValueError:  # no URL
            return
        hub.subscribe(client, subscription)
        since = message.get("since")
        if isinstance(since, int | float) and not isinstance(since, bool):
            subscribed(client, subscription, float(since))


async def _send(socket: web.WebSocketResponse, client: Client) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        while True:
            await socket.send_str(await client.waiting.get())


async def _end(socket: web.WebSocketResponse, client: Client) -> None:
    """Close the socket of a client that does not read, or when this program ends."""
    await client.lost.wait()
    await socket.close(code=WSCloseCode.GOING_AWAY, message=b"come back", drain=False)
