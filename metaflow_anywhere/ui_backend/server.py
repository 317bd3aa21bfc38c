"""Around every handler: the answers to what may go wrong, the headers that all answers carry, and the access log."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from aiohttp import web

from metaflow_anywhere.database.filters import FilterError
from metaflow_anywhere.database.pool import Unavailable
from metaflow_anywhere.far.reach import RETRY_SECONDS as RETRY_DRIVE_SECONDS
from metaflow_anywhere.far.reach import Hanging
from metaflow_anywhere.http import AccessLog
from metaflow_anywhere.ui_backend.envelope import problem, refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RETRY_SECONDS = 1

log = logging.getLogger(__name__)


class Problem(Exception):
    """A request that is answered with a problem object: ``name`` is what clients know the error by."""

    def __init__(self, name: str, detail: str, status: int = 500) -> None:
        super().__init__(detail)
        self.name = name
        self.detail = detail
        self.status = status


def logging_middleware(access_log: AccessLog) -> Callable[..., Awaitable[web.StreamResponse]]:
    """One line for each request. It must be the outermost."""

    @web.middleware
    async def logged(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        status = 499  # the client went away: nobody sees an answer
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            milliseconds = (time.perf_counter() - started) * 1000
            access_log.write(request.remote, request.method, request.raw_path, status, milliseconds, request.headers)

    return logged


@web.middleware
async def failing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into its answer; nobody is ever shown a traceback."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:  # the client gets an answer, whatever it is
        return answer_to(error, request)


def answer_to(error: Exception, request: web.Request) -> web.Response:
    """The answer to a request whose handler raised ``error``."""
    message = _error_message(error)
    match error:
        case Problem():
            answer = problem(error.status, error.name, error.detail)
        case Unavailable():
            answer = _try_again(request, str(error), error.retry_seconds)
        case Hanging():
            answer = _drive_hangs(request, error)
        case psycopg.errors.UndefinedTable():
            answer = _try_again(request, "the database has no tables yet", RETRY_SECONDS)
        case _ if message is not None:
            answer = refused(request, 500, json.dumps({"err_msg": message}))
        case psycopg.OperationalError() | psycopg.InterfaceError():
            answer = _try_again(request, "the connection to the database was lost", RETRY_SECONDS)
        case _:
            log.error("%s %s failed", request.method, request.raw_path, exc_info=error)
            answer = problem(500, "generic-error", "an error of the UI backend, described in its log")
    return answer


def _error_message(error: Exception) -> dict[str, Any] | None:
    """What is told, in the words of the official backend, of a request that PostgreSQL cannot answer."""
    match error:
        case FilterError():
            return {"pgerror": str(error), "pgcode": None, "diag": None}
        case UnicodeError():
            return {"type": "the request is not UTF-8 text"}
        case psycopg.errors.QueryCanceled():
            return {"type": "timeout error"}
        case psycopg.DataError() | psycopg.ProgrammingError() | psycopg.errors.StatementTooComplex():
            message = error.diag.message_primary or _sentence(error)
            diagnosis = {"message_primary": message, "severity": error.diag.severity_nonlocalized or "ERROR"}
            return {"pgerror": _sentence(error), "pgcode": error.sqlstate, "diag": diagnosis}
        case _:
            return None


def _try_again(request: web.Request, sentence: str, seconds: int) -> web.Response:
    log.warning("%s %s: %s", request.method, request.raw_path, sentence)
    response = problem(503, "database-unavailable", sentence, "Service Unavailable")
    response.headers["Retry-After"] = str(seconds)
    return response


def _drive_hangs(request: web.Request, error: Hanging) -> web.Response:
    sentence = f"the drive that the files of tasks are on does not answer; {error}"
    log.warning("%s %s: %s", request.method, request.raw_path, sentence)
    response = problem(503, "drive-hangs", sentence, "Service Unavailable")
    response.headers["Retry-After"] = str(int(RETRY_DRIVE_SECONDS))
    return response


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
