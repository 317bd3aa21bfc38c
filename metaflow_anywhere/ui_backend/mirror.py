"""The metadata service under ``/metadata``, read only.

By asking the service, not by having its handlers here: that is less code, knows nothing of its insides, and an
official service can be in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, UnixConnector, web

from metaflow_anywhere.ui_backend.server import Problem

ANSWER_SECONDS = 60.0
CHUNK_BYTES = 64 * 1024
PASSED_ON = ("Content-Type", "X-Limit", "X-Next-Cursor", "Retry-After", "METADATA_SERVICE_VERSION")
SESSION = web.AppKey("session", ClientSession)


def routes(url: str) -> list[web.RouteDef]:
    """Everything below /metadata/; what is not GET is refused by the router."""

    async def answer(request: web.Request) -> web.StreamResponse:
        _, _, path = request.raw_path.partition("/metadata/")
        try:
            async with request.app[SESSION].get(f"{url}/{path}", allow_redirects=False) as reply:
                headers = {name: reply.headers[name] for name in PASSED_ON if name in reply.headers}
                response = web.StreamResponse(status=reply.status, headers=headers)
                await response.prepare(request)
                async for chunk in reply.content.iter_chunked(CHUNK_BYTES):
                    await response.write(chunk)
                await response.write_eof()
                return response
        except (ClientError, asyncio.TimeoutError) as error:
            raise Problem("metadata-service-unavailable", "the metadata service does not answer", 503) from error

    return [web.get("/metadata/{path:.*}", answer)]


def session(unix: Path | None) -> Callable[[web.Application], AsyncIterator[None]]:
    """The connections to the service, over the socket ``unix`` if there is one, for as long as the program runs."""

    async def run(app: web.Application) -> AsyncIterator[None]:
        connector = UnixConnector(path=str(unix)) if unix else None
        timeout = ClientTimeout(total=ANSWER_SECONDS)
        async with ClientSession(connector=connector, timeout=timeout, cookie_jar=DummyCookieJar()) as opened:
            app[SESSION] = opened
            yield

    return run
