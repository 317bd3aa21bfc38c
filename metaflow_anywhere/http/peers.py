"""Who a request is from, as far as that can be known."""

from __future__ import annotations

import ipaddress

from aiohttp import web

LONGEST_AGENT = 200  # characters
FORWARDED = "X-Forwarded-For"


def peer(request: web.BaseRequest) -> str:
    """The address that a request came from, for limits per client; never for deciding who may do what.

    Our proxy writes into X-Forwarded-For who connected to it and passes on nothing that others wrote there. It is
    believed from a Unix socket and from loopback only, which is where our proxy is. People behind one tunnel, one
    proxy of their own or one machine look alike: they share what one client may have.
    """
    remote = request.remote or ""
    if remote and not _is_loopback(remote):
        return remote
    forwarded = request.headers.get(FORWARDED, "").rpartition(",")[2].strip()
    return forwarded[:64] or remote


def client(request: web.BaseRequest) -> str:
    """Whom a request is from for turns at something scarce: people at one address differ by their programs."""
    return f"{peer(request)} {request.headers.get('User-Agent', '')[:LONGEST_AGENT]}"


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # the name of a Unix socket
        return True
