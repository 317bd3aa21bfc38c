"""A time for a request's body to arrive: who begins one and does not go on holds a connection no longer than that."""

from __future__ import annotations

import asyncio

from aiohttp import web

BODY_SECONDS = 20.0  # the largest body that is taken, at less than a megabyte a second


def limit_text() -> str:
    """For whom it was too short."""
    return f"the body did not arrive within {BODY_SECONDS:g} s"


class BodyTooSlow(asyncio.TimeoutError):
    """The body did not arrive whole in time. The connection must be closed: the rest may come at any moment."""


async def whole_body(request: web.BaseRequest, seconds: float | None = None) -> bytes:
    """The body of ``request``, within ``seconds`` or BODY_SECONDS. Raises BodyTooSlow, and what ``read`` raises."""
    if not request.can_read_body:
        return b""
    # Not asyncio.wait_for: that would be a task for every request.
    timer = asyncio.get_running_loop().call_later(seconds or BODY_SECONDS, request.content.set_exception, BodyTooSlow())
    try:
        return await request.read()
    finally:
        timer.cancel()
