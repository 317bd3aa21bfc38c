"""A time for a request's body to arrive: who begins one and does not go on holds a connection no longer than that."""

from __future__ import annotations

import asyncio

from aiohttp import web

BODY_SECONDS = 20.0  # the largest body that is taken, at less than a megabyte a second


class BodyTooSlow(asyncio.TimeoutError):
    """The body did not arrive whole in time. The connection must be closed: the rest may come at any moment."""


async def whole_body(request: web.BaseRequest, seconds: float = BODY_SECONDS) -> bytes:
    """The body of ``request``. Raises BodyTooSlow, and what ``request.read`` raises."""
    if not request.can_read_body:
        return b""
    # Not asyncio.wait_for: that would be a task for every request.
    timer = asyncio.get_running_loop().call_later(seconds, request.content.set_exception, BodyTooSlow())
    try:
        return await request.read()
    finally:
        timer.cancel()
