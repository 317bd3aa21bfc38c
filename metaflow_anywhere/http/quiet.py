"""Requests that are no HTTP are answered with 400 as all others are, and are no matter for the log: anybody could fill
it with them."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from metaflow_anywhere.admission import HEADERS
from metaflow_anywhere.http.doors import end_connection

_answer = web.RequestHandler.handle_error


def quieten() -> None:
    """Keep what clients do wrong out of the log of aiohttp's server, and give its answers to them our headers.

    aiohttp has no hook for these answers: its handler of connections is changed for this whole process.
    """
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    web.RequestHandler.handle_error = _answer_with_headers  # type: ignore[assignment,method-assign]


def _answer_with_headers(handler: web.RequestHandler, *told: Any, **named: Any) -> web.StreamResponse:
    response = _answer(handler, *told, **named)
    response.headers.update(HEADERS)
    end_connection(response)
    return response


def _is_ours(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
