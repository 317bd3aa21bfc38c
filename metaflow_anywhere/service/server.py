"""The HTTP side: one aiohttp server whose every request becomes a call, a reply and a line in the access log.

aiohttp's low-level server: its application layer (URL objects, resources, middlewares) takes half of the time of a
request here, and nothing of it is needed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping

import psycopg
from aiohttp import web
from psycopg import errors

from metaflow_anywhere.admission import HEADERS
from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.pool import Pool, Unavailable
from metaflow_anywhere.database.publisher import Publisher
from metaflow_anywhere.http import AccessLog, Door, close_early, end_connection
from metaflow_anywhere.http.deadlines import BodyTooSlow, limit_text, whole_body
from metaflow_anywhere.http.peers import client
from metaflow_anywhere.service.admin import VERSION
from metaflow_anywhere.service.messages import Call, Refusal, Reply, bad_request, database_refusal, encoded
from metaflow_anywhere.service.router import Match, Router

MAX_BODY_BYTES = 16 * 2**20  # a resumed foreach of thousands of tasks sends its metadata in one body
SEND_SECONDS = 60.0  # how long a reader may leave a chunk of a list unread
READS = frozenset({"GET", "HEAD"})
VERSION_HEADER = "METADATA_SERVICE_VERSION"
PROBLEM = {
    "traceback": "",  # clients find the key, and no traceback of ours
    "detail": "an error of the service, described in its log",
    "status": 500,
    "title": "Internal Server Error",
    "type": "about:blank",
}
CONNECTION_LOST = {"08", "57"}  # classes of SQLSTATE: connection exceptions, and shutdowns by an operator

log = logging.getLogger(__name__)


class Server:
    """Answers requests by ``router`` on ``pool``; what they change is told by ``publisher``."""

    def __init__(
        self,
        router: Router,
        pool: Pool,
        publisher: Publisher,
        access_log: AccessLog,
        cutoffs: Cutoffs,
        door: Door | None = None,
    ) -> None:
        self._router = router
        self._pool = pool
        self._publisher = publisher
        self._access_log = access_log
        self._cutoffs = cutoffs
        self._door = door or Door()
        self._writing: set[asyncio.Future[web.StreamResponse]] = set()

    def aiohttp_server(self) -> web.Server:
        """The thing aiohttp's runner runs."""
        return web.Server(
            self._answer, request_factory=_make_request, access_log=None, handler_cancellation=True,
            auto_decompress=False,  # of what is packed, a few bytes may be gigabytes
        )  # fmt: skip

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        status = 499  # the client went away: nobody sees an answer
        try:
            if request.method in READS:  # given up, down to the database, when the client leaves
                response = await self._respond(request)
            else:
                writing = asyncio.ensure_future(self._respond(request))
                self._writing.add(writing)
                writing.add_done_callback(self._writing.discard)
                response = await asyncio.shield(writing)
            status = response.status
            close_early(request, response)
            return response
        finally:
            milliseconds = (time.perf_counter() - started) * 1000
            self._access_log.write(
                request.remote, request.method, request.raw_path, status, milliseconds, request.headers
            )

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        if (refused := self._door.refusal(request)) is not None:
            return refused
        try:
            match = self._router.match(request.rel_url.raw_path)
        except Refusal as refusal:
            return _response(_refused(refusal), {})
        route = match.routes.get(request.method)
        if route is None:
            return _no_route(match)
        headers = {VERSION_HEADER: VERSION} if route.tells_version else {}
        try:
            body = await whole_body(request)
            query = list(request.rel_url.query.items()) if request.rel_url.raw_query_string else []
            call = Call(
                self._pool, self._publisher, match.parts, query, body, self._router.prefix,
                lambda: client(request), self._cutoffs,
            )  # fmt: skip
            reply = await route.handler(call)
        except web.HTTPRequestEntityTooLarge:
            reply = _refused(Refusal(413, f"the body must not be larger than {MAX_BODY_BYTES} bytes"))
        except BodyTooSlow:
            response = _response(_refused(Refusal(408, limit_text())), {})
            end_connection(response)
            return response
        except (web.RequestPayloadError, ConnectionError):
            reply = _refused(bad_request("the body did not arrive whole"))
        except Exception as error:  # whatever it is, the client gets an answer, and never a traceback
            reply = _failed(error, request)
            if reply.status == 500:
                headers = {}
        if reply.chunks is None:
            return _response(reply, headers)
        return await _stream(request, reply, headers)


def _make_request(message, payload, protocol, writer, task):  # type: ignore[no-untyped-def]  # aiohttp's own types are private
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)


def _response(reply: Reply, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        body=reply.body,
        status=reply.status,
        headers={"Content-Type": reply.content_type, **HEADERS, **headers, **reply.headers},
    )


async def _stream(request: web.BaseRequest, reply: Reply, headers: Mapping[str, str]) -> web.StreamResponse:
    """Send a body as it comes; if it cannot be finished the connection is cut, so that no client takes it for whole."""
    assert reply.chunks is not None
    response = web.StreamResponse(headers={"Content-Type": reply.content_type, **HEADERS, **headers, **reply.headers})
    await response.prepare(request)
    try:
        async for chunk in reply.chunks:
            await asyncio.wait_for(response.write(chunk), SEND_SECONDS)
        await response.write_eof()
    except (psycopg.Error, Unavailable, TimeoutError, asyncio.TimeoutError, ConnectionError) as error:
        log.warning("%s %s was cut off: %s", request.method, request.raw_path, error)
        if request.transport is not None:
            request.transport.abort()
    return response


def _no_route(match: Match) -> web.Response:
    if match.routes:
        return web.Response(
            status=405,
            text="405: Method Not Allowed",
            headers={"Allow": ",".join(sorted(match.routes)), **HEADERS},
        )
    return web.Response(status=404, text="404: Not Found", headers=HEADERS)


def _refused(refusal: Refusal) -> Reply:
    return Reply(encoded(refusal.document), status=refusal.status)


def _failed(error: Exception, request: web.BaseRequest) -> Reply:
    """The answer to a request whose handler raised."""
    match error:
        case Refusal():
            reply = _refused(error)
        case Unavailable():
            reply = _try_again(str(error), error.retry_seconds)
        case errors.UniqueViolation():
            reply = _database_error(409, error)
        case errors.ForeignKeyViolation():
            reply = _database_error(404, error)
        case errors.QueryCanceled():
            reply = _refused(Refusal(500, json.dumps({"err_msg": {"type": "timeout error"}})))
        case errors.UndefinedTable():
            reply = _try_again("the database has no tables of Metaflow's yet", 1)
        case errors.DeadlockDetected() | errors.SerializationFailure():
            reply = _try_again("the database asks to try again", 1)
        case psycopg.DataError() | errors.StatementTooComplex() | UnicodeError():
            reply = _refused(bad_request(_sentence(error)))
        case psycopg.OperationalError(sqlstate=state) if state is None or state[:2] in CONNECTION_LOST:
            reply = _try_again("the connection to the database was lost", 1)
        case psycopg.Error():
            reply = _database_error(500, error)
        case _:
            log.error("%s %s failed", request.method, request.raw_path, exc_info=error)
            return Reply(encoded(PROBLEM), status=500)
    if reply.status >= 500:
        log.warning("%s %s: %s", request.method, request.raw_path, _sentence(error))
    return reply


def _try_again(sentence: str, seconds: int) -> Reply:
    return Reply(encoded(sentence), status=503, headers={"Retry-After": str(seconds)})


def _database_error(status: int, error: psycopg.Error) -> Reply:
    message = error.diag.message_primary or _sentence(error)
    return _refused(database_refusal(status, error.sqlstate or "", message, error.diag.message_detail or ""))


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
