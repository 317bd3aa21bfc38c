"""The WebSocket of one browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from metaflow_anywhere.http.peers import peer
from metaflow_anywhere.ui_backend.live.hub import Client, Hub, Subscription, refusal
from metaflow_anywhere.ui_backend.live.matching import Refused, parse_resource

PING, PONG = "__ping__", "__pong__"
HEARTBEAT_SECONDS = 30.0  # a browser that has gone without a word is noticed within two
LARGEST_MESSAGE_BYTES = 64 * 1024
LONGEST_ID = 200
LARGEST_SECOND = 10**12

log = logging.getLogger(__name__)

Subscribed = Callable[[Client, Subscription, float], None]


def handler(hub: Hub, subscribed: Subscribed) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler of ``/ws``; ``subscribed`` is told of subscriptions that ask for what they missed."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if hub.is_full_for(who := peer(request)):
            return web.Response(status=503, text="there are too many live connections", headers={"Retry-After": "10"})
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=LARGEST_MESSAGE_BYTES, compress=False)
        client = Client(who)
        hub.clients.add(client)
        try:
            await socket.prepare(request)
        except BaseException:
            hub.leave(client)
            raise
        sending = asyncio.create_task(_send(socket, client))
        ending = asyncio.create_task(_end(socket, client))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    _take(hub, client, message.data, subscribed)
                    await asyncio.sleep(0)  # a burst of messages is no reason for others to wait
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
    """Do what a message says. What is no message is ignored; a subscription that is not taken is answered."""
    if text == PING:
        client.send(PONG)
        return
    message = parse(text) or {}
    uuid, resource = message.get("uuid"), message.get("resource")
    if not isinstance(uuid, str) or len(uuid) > LONGEST_ID:
        return
    if message.get("type") == "UNSUBSCRIBE":
        hub.unsubscribe(client, uuid)
    elif message.get("type") == "SUBSCRIBE" and isinstance(resource, str):
        try:
            since = _moment(message.get("since"))
            subscription = Subscription(uuid, parse_resource(resource))
            hub.subscribe(client, subscription)
        except Refused as error:
            client.send(refusal(uuid, str(error)))
        except Exception as error:  # whatever it is: the matter of this client alone
            log.warning("a subscription was not taken: %s", type(error).__name__)
            client.send(refusal(uuid, "it is not understood"))
        else:
            if since is not None:
                subscribed(client, subscription, since)


def _moment(since: object) -> float | None:
    """The second that ``since`` names; None if it is no number. Raises Refused."""
    if not isinstance(since, int | float) or isinstance(since, bool):
        return None
    if isinstance(since, int):
        since = min(max(since, -1), LARGEST_SECOND)
    if not math.isfinite(since) or since < 0:
        raise Refused("its since is no second since 1970")
    return float(min(since, LARGEST_SECOND))


async def _send(socket: web.WebSocketResponse, client: Client) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        while True:
            await socket.send_str(await client.next_message())


async def _end(socket: web.WebSocketResponse, client: Client) -> None:
    """Close the socket of a client that does not read, or when this program ends."""
    await client.lost.wait()
    await socket.close(code=WSCloseCode.GOING_AWAY, message=b"come back", drain=False)
