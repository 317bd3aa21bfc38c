"""Whom a program answers: the proxy's rules, so that a port that is opened for debugging is no way around them.

A browser says which page asks by ``Origin`` or, where it sends none, by ``Sec-Fetch-Site``; tools send neither.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aiohttp import web

from metaflow_anywhere.admission import FOREIGN, HEADERS, JSON_TYPES, NOT_JSON, OWN_SITES, READS, UNREAD

TUNNELS = ("CONNECT", "TRACE")  # what follows them is no request; other odd methods are refused by the routes
ANY = "*"
_is_json = re.compile(JSON_TYPES).fullmatch


@dataclass(frozen=True)
class Door:
    """``hosts``: the names it is asked by (all if there are none); ``origins``: other pages that may ask."""

    hosts: Collection[str] = ()
    origins: Collection[str] = ()

    def refusal(self, request: web.BaseRequest) -> web.Response | None:
        """The answer to a request that is not to be looked at any further; None if it may come in."""
        headers = request.headers
        if request.method in TUNNELS:
            return _refused(405, "405: Method Not Allowed")
        if "Upgrade" in headers and request.method != "GET":
            return _refused(400, "a request with a body cannot become another protocol")
        if self.hosts and _name(headers.get("Host", "")) not in self.hosts:
            return _refused(421, "nothing is served under this name")
        if self._foreign(headers) and not _is_link(request):
            return _refused(403, FOREIGN)
        if request.method not in READS and not _is_json(",".join(headers.getall("Content-Type", ()))):
            return _refused(415, NOT_JSON)
        return None

    def _foreign(self, headers: Mapping[str, str]) -> bool:
        if ANY in self.origins:
            return False
        origin = headers.get("Origin")
        if origin is None:
            return headers.get("Sec-Fetch-Site", "none") not in OWN_SITES
        scheme, _, authority = origin.partition("://")
        own = scheme in ("http", "https") and authority == headers.get("Host")
        return not own and origin not in self.origins


def close_early(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """End the connection after an answer that was given before the whole request was read.

    What is left of a body, or what follows an upgrade that was not accepted, would be taken for the next request, and
    the answer to that would go to whoever the proxy sends next over the same connection.
    """
    if response.prepared:  # a WebSocket, or a stream, which close_stream_early saw
        return
    unread = not request.content.is_eof()
    if unread or request.method == "CONNECT" or "Upgrade" in request.headers:
        end_connection(response)


def close_stream_early(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """The same for an answer whose head is just about to be sent, and whose body follows while it is made."""
    if not isinstance(response, web.WebSocketResponse) and not request.content.is_eof():
        end_connection(response)


def end_connection(response: web.StreamResponse) -> None:
    """Nothing more is answered on this connection, nor on the client's at the proxy, which takes the sign away."""
    response.force_close()
    response.headers[UNREAD] = "yes"


def _is_link(request: web.BaseRequest) -> bool:
    """A person follows a link, or a frame does: whose page that is reads nothing of the answer. (The proxy lets links
    lead to pages alone.)"""
    headers = request.headers
    return (
        request.method in ("GET", "HEAD") and headers.get("Sec-Fetch-Mode") == "navigate" and "Upgrade" not in headers
    )


def _refused(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, headers=HEADERS)


def _name(host: str) -> str:
    """A host's name without its port."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()
