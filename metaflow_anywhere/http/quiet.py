"""Requests that are no HTTP are answered with 400, and are no matter for the log: anybody could fill it with them."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError


def quieten() -> None:
    """Keep what clients do wrong out of the log of aiohttp's server."""
    logging.getLogger("aiohttp.server").addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
