"""Who subscribed to what, what was published lately, and the queue in front of every socket.

A reader that is slow has its own queue, of bounded length; one that does not read at all is cut off, and catches up
when it comes back. So nobody waits for anybody for long. Queues hold events that all clients share, not their texts:
what a client costs in memory does not grow with what it asked for. What a client watched goes on being watched for a
while after its connection was lost (`Watches`), so that what happens meanwhile is there when it comes back.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from metaflow_anywhere.ui_backend.live.matching import Refused, Wanted
from metaflow_anywhere.ui_backend.live.watches import Watches

REPLAYED_EVENTS = 20_000
WAITING_MESSAGES = REPLAYED_EVENTS  # in front of one socket at the very most: all that may be replayed to it
PACED_MESSAGES = 100  # so many in front of any socket, and publishing waits for it ...
PATIENCE_SECONDS = 1.0  # ... so long, once; then not again before that socket's reader has caught up
PAUSE_SECONDS = 0.01  # longer than the work before it: more than half of the time is left to requests
AT_ONCE = 200  # messages queued, a few milliseconds' work, before everybody else gets a turn
REPLAYED_BYTES = 16 * 2**20
SUBSCRIPTIONS = 100  # of one socket; UIs have about ten
ALL_SUBSCRIPTIONS = 10_000  # of all sockets: each is compared with every change under its path, some microseconds
SOCKETS = 500
SOCKETS_OF_PEER = 250  # behind a proxy or a tunnel that does not tell them apart, many people are one peer
MANY = frozenset({"/runs", "/flows"})  # resources of all flows
# A browser notices after at most so long that its connection is lost, and says that it was lost then.
UNNOTICED_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """One row that came, changed or went, as it is published under each of ``paths``."""

    type: str
    paths: tuple[str, ...]
    row: dict[str, Any]
    data: bytes
    at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Subscription:
    """What one client asked for under one of its ids."""

    uuid: str
    wanted: Wanted

    def message(self, event: Event) -> str:
        """The text that tells its client of ``event``."""
        uuid, path = json.dumps(self.uuid), json.dumps(self.wanted.path)
        return f'{{"type": "{event.type}", "uuid": {uuid}, "resource": {path}, "data": {event.data.decode()}}}'


def refusal(uuid: str, why: str) -> str:
    """The text that tells a client that its subscription ``uuid`` is not taken."""
    return json.dumps({"type": "ERROR", "uuid": uuid, "message": f"this subscription is not taken: {why}"})


class Client:
    """One socket of ``peer``'s: its subscriptions, and the messages that wait to be sent."""

    def __init__(self, peer: str = "") -> None:
        self.peer = peer
        self.subscriptions: dict[str, Subscription] = {}
        self.waiting: asyncio.Queue[str | tuple[Subscription, Event]] = asyncio.Queue(WAITING_MESSAGES)
        self.lost = asyncio.Event()
        self.is_waited_for = True

    async def next_message(self) -> str:
        """The text to send next."""
        message = await self.waiting.get()
        return message if isinstance(message, str) else message[0].message(message[1])

    def send(self, message: str | tuple[Subscription, Event]) -> None:
        """Put ``message`` in the queue; a client that lets it fill up is lost."""
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.lost.set()


class Hub:
    """All clients of this process."""

    def __init__(self, replay_seconds: float) -> None:
        self._replay_seconds = replay_seconds
        self._by_path: dict[str, dict[tuple[int, str], tuple[Client, Subscription]]] = {}
        self.watched = Watches(replay_seconds)
        self._subscriptions = 0
        self._recent: deque[Event] = deque()
        self._recent_bytes = 0
        self._forgotten = 0.0  # the time of the newest event that is not kept any more
        self._queued = 0
        self.clients: set[Client] = set()

    def is_full_for(self, peer: str) -> bool:
        """Whether no further socket of ``peer``'s is taken."""
        return len(self.clients) >= SOCKETS or sum(one.peer == peer for one in self.clients) >= SOCKETS_OF_PEER

    def subscribe(self, client: Client, subscription: Subscription) -> None:
        """Add a subscription; one of the same id is replaced. Raises Refused."""
        self.unsubscribe(client, subscription.uuid)
        if len(client.subscriptions) >= SUBSCRIPTIONS:
            raise Refused(f"this socket has {SUBSCRIPTIONS} already")
        if self._subscriptions >= ALL_SUBSCRIPTIONS:
            raise Refused(f"there are {ALL_SUBSCRIPTIONS} in all already")
        self._subscriptions += 1
        client.subscriptions[subscription.uuid] = subscription
        path = subscription.wanted.path
        self._by_path.setdefault(path, {})[id(client), subscription.uuid] = client, subscription
        self.watched.begin(path)

    def unsubscribe(self, client: Client, uuid: str, *, lost: bool = False) -> None:
        """Forget a subscription, if there is one; ``lost``: its client may come back and ask for what it missed."""
        subscription = client.subscriptions.pop(uuid, None)
        if subscription is None:
            return
        self._subscriptions -= 1
        path = subscription.wanted.path
        del self._by_path[path][id(client), uuid]
        if not self._by_path[path]:
            del self._by_path[path]
        self.watched.end(path, lost=lost)

    def leave(self, client: Client) -> None:
        """Forget a client, but not at once what it watched."""
        for uuid in list(client.subscriptions):
            self.unsubscribe(client, uuid, lost=True)
        self.clients.discard(client)

    def publish(self, event: Event) -> None:
        """Tell whoever asked for it. What is not watched is not kept."""
        asked = self.watched.any_of(event.paths)
        for path in event.paths:
            for client, subscription in list(self._by_path.get(path, {}).values()):
                self._queued += 1
                self._tell(client, subscription, event)
        if asked:
            self._recent.append(event)
            self._recent_bytes += len(event.data)
            self._forget()

    def _tell(self, client: Client, subscription: Subscription, event: Event) -> None:
        """Queue ``event``, if it is wanted. A filter that fails is the matter of its own client alone."""
        try:
            accepted = subscription.wanted.accepts(event.row)
        except Exception as error:
            log.warning("a subscription was ended: its filter failed: %s", type(error).__name__)
            self.unsubscribe(client, subscription.uuid)
            client.send(refusal(subscription.uuid, "its filters cannot be applied"))
            return
        if accepted:
            client.send((subscription, event))

    async def pace(self) -> None:
        """Let others have their turn, and readers catch up for a moment."""
        if self._queued < AT_ONCE:
            return
        self._queued = 0
        await asyncio.sleep(PAUSE_SECONDS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while slow := [one for one in self.clients if one.is_waited_for and one.waiting.qsize() > PACED_MESSAGES]:
            if time.monotonic() > deadline:
                for client in slow:
                    client.is_waited_for = False
                break
            await asyncio.sleep(PAUSE_SECONDS)
        for client in self.clients:
            client.is_waited_for = client.is_waited_for or client.waiting.empty()

    def replay(self, client: Client, subscription: Subscription, since: float) -> None:
        """Send what was published under the subscription's path at or after second ``since``.

        Of the seconds before, in which the loss may have gone unnoticed, updates too: to be told of those twice does
        no harm.
        """
        self._forget()
        path = subscription.wanted.path
        for event in list(self._recent):
            missed = event.at >= int(since) or (event.type != "INSERT" and event.at >= since - UNNOTICED_SECONDS)
            if missed and path in event.paths:
                self._tell(client, subscription, event)

    def remembers(self, path: str, since: float) -> bool:
        """Whether nothing that happened to ``path`` since then is missing in what `replay` sends."""
        self._forget()
        return self._forgotten < int(since) and self.watched.since(path) <= since

    def _forget(self) -> None:
        oldest = time.time() - self._replay_seconds
        while self._recent and (
            self._recent[0].at < oldest or len(self._recent) > REPLAYED_EVENTS or self._recent_bytes > REPLAYED_BYTES
        ):
            event = self._recent.popleft()
            self._forgotten = event.at
            self._recent_bytes -= len(event.data)
