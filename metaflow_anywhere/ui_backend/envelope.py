"""The wrapping of every answer: data, status, links to the pages around it, and the query echoed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from metaflow_anywhere.strict_json import encoded

JSON = "application/json"


def json_response(document: object, status: int = 200) -> web.Response:
    """``document`` as it is, without an envelope."""
    return web.Response(body=_encoded(document), status=status, content_type=JSON)


def one(request: web.Request, data: bytes | None, *, extra: Mapping[str, Any] | None = None) -> web.Response:
    """A single object, given as JSON; None is 404 with an empty object."""
    status = 404 if data is None else 200
    query = echoed(request)
    ending = {"status": status, "links": {"self": _link(request, query, None)}, "query": query, **(extra or {})}
    return _wrapped(data or b"{}", ending, status)


def many(
    request: web.Request,
    rows: list[bytes],
    *,
    page: int,
    limit: int,
    last: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> web.Response:
    """A page of a list whose ``rows`` are JSON. ``last``: the number of pages, where that is known."""
    full = len(rows) >= limit if last is None else page < last
    pages = {"self": page, "first": 1, "prev": max(page - 1, 1), "next": page + 1 if full else None, "last": last}
    query = echoed(request)
    links = {
        name: _link(request, query, None if name == "self" else number) if name == "self" or number else None
        for name, number in pages.items()
    }
    ending = {"status": 200, "links": links, "pages": pages, "query": query, **(extra or {})}
    return _wrapped(b"[" + b",".join(rows) + b"]", ending, 200)


def refused(request: web.Request, status: int, data: object) -> web.Response:
    """An error in the envelope, as lists tell it."""
    query = echoed(request)
    ending = {"status": status, "links": {"self": _link(request, query, None)}, "query": query}
    return _wrapped(_encoded(data), ending, status)


def problem(status: int, name: str, detail: str, title: str = "Internal Server Error") -> web.Response:
    """A problem object. Its traceback is always empty: what happened inside is in our log, not in a browser."""
    document = {
        "id": name,
        "traceback": "",
        "detail": detail,
        "status": status,
        "title": title,
        "type": "about:blank",
    }
    return web.Response(body=_encoded(document), status=status, content_type=JSON)


def echoed(request: web.Request) -> dict[str, str]:
    """The query as it was understood; of a repeated key the first."""
    found: dict[str, str] = {}
    for key, value in request.query.items():
        found.setdefault(key, value)
    return found


def _link(request: web.Request, query: Mapping[str, str], page: int | None) -> str:
    asked = dict(query) if page is None else {**query, "_page": str(page)}
    ending = f"?{urlencode(asked, safe=':,')}" if asked else ""
    return f"{_base(request)}{request.rel_url.raw_path}{ending}"


def _base(request: web.Request) -> str:
    configured: str = request.app[BASE_URL]
    if configured:
        return configured
    scheme = _first_item(request, "X-Forwarded-Proto") or request.scheme
    host = _first_item(request, "X-Forwarded-Host") or request.host
    return f"{scheme}://{host}"


def _first_item(request: web.Request, header: str) -> str:
    return request.headers.get(header, "").split(",")[0].strip()


def _wrapped(data: bytes, ending: Mapping[str, Any], status: int) -> web.Response:
    body = b'{"data":' + data + b"," + _encoded(ending)[1:]
    return web.Response(body=body, status=status, content_type=JSON)


def _encoded(document: object) -> bytes:
    return encoded(document, separators=(",", ":"), default=str)


BASE_URL = web.AppKey("base_url", str)
