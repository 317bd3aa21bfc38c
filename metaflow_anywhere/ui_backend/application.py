"""The program put together: routes, what they need, and its beginning and end."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.http import AccessLog, Door, close_early, close_stream_early, serve_until_stopped
from metaflow_anywhere.ui_backend import autocomplete, extras, logs, mirror, page, postprocess, resources
from metaflow_anywhere.ui_backend.building import BUILT, is_current
from metaflow_anywhere.ui_backend.cards import Cards, card_policy
from metaflow_anywhere.ui_backend.datastore import Datastore
from metaflow_anywhere.ui_backend.decoding import Cache, Decoder
from metaflow_anywhere.ui_backend.envelope import BASE_URL
from metaflow_anywhere.ui_backend.graph import Graphs
from metaflow_anywhere.ui_backend.live import Live
from metaflow_anywhere.ui_backend.search import Search
from metaflow_anywhere.ui_backend.server import Handler, failing, logging_middleware
from metaflow_anywhere.ui_backend.settings import UISettings

STOP_SECONDS = 0.7  # what is under way at SIGTERM may take this long to finish


def application(settings: UISettings, pool: Pool, access_log: AccessLog) -> web.Application:
    """All routes, under the prefix."""
    app = web.Application(middlewares=[guarding(settings), logging_middleware(access_log), failing])
    app[BASE_URL] = settings.base_url
    app[resources.POOL] = pool
    app.on_response_prepare.append(_with_headers(settings.allowed_origins))
    app.cleanup_ctx.append(mirror.session(settings.metadata_socket))
    datastore = Datastore(settings.datastore)
    decoder = Decoder(datastore, Cache(settings.cache_folder, settings.cache_bytes))
    app.on_cleanup.append(lambda _: decoder.close())
    graphs = Graphs(decoder)
    live = Live(settings.database.conninfo, pool, settings.cutoffs, graphs, settings.replay_seconds)
    app.cleanup_ctx.append(live.run)
    app.on_shutdown.append(live.close)
    routes = [
        *extras.routes(settings),
        *autocomplete.routes(),
        *resources.routes(settings.cutoffs, postprocess.label, postprocess.show(decoder, settings.artifact_bytes)),
        *graphs.routes(),
        *logs.routes(datastore),
        *Cards(datastore, settings.card_folders, graphs, card_policy(settings)).routes(),
        *live.routes(),
        *Search(decoder).routes(),
        *mirror.routes(settings.metadata_url),
        *page.routes(settings),
    ]
    for route in routes:
        app.router.add_route(route.method, settings.place.prefix + route.path, route.handler)
    return app


def guarding(settings: UISettings) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Whom we answer, and that an answer given early ends the connection. It must be the outermost."""
    door = Door(settings.place.hosts, settings.allowed_origins)

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = door.refusal(request) or await handler(request)
        except web.HTTPException as error:
            close_early(request, error)
            raise
        close_early(request, response)
        return response

    return guarded


def _with_headers(origins: tuple[str, ...]) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Whose scripts may read answers, and that nothing is taken for what it does not say it is."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        asking = request.headers.get("Origin")
        response.headers["Access-Control-Allow-Origin"] = asking if asking in origins else origins[0]
        if len(origins) > 1:
            response.headers.add("Vary", "Origin")
        response.headers["X-Content-Type-Options"] = "nosniff"
        close_stream_early(request, response)
        response.headers.setdefault("Cache-Control", "no-store")  # all but the page's own files is the user's

    return add


async def serve(settings: UISettings, listening: Sequence[socket.socket]) -> None:
    """Answer on all of ``listening`` until SIGTERM or SIGINT."""
    database = settings.database
    pool = Pool(
        database.conninfo,
        size=database.pool_size,
        wait_seconds=database.wait_seconds,
        statement_seconds=database.statement_seconds,
    )
    access_log = AccessLog(sys.stdout)
    runner = web.AppRunner(
        application(settings, pool, access_log),
        access_log=None,
        auto_decompress=False,  # of what is packed, a few bytes may be gigabytes
        shutdown_timeout=STOP_SECONDS,
        handle_signals=False,
        handler_cancellation=True,  # everything here only reads: what nobody waits for is not worth doing
    )
    if settings.page == BUILT and not is_current():
        logging.warning("the web UI is older than its sources in ui/; to build it anew: pip install -e .")
    await serve_until_stopped(runner, listening, settings.place.prefix)
    await pool.close()
    access_log.flush()
