"""The small answers: version, features, links, notifications, plugins, tags, and how this process does."""

from __future__ import annotations

import hashlib
import json
import operator
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from metaflow_anywhere.ui_backend.envelope import json_response
from metaflow_anywhere.ui_backend.resources import POOL
from metaflow_anywhere.ui_backend.settings import UISettings
from metaflow_anywhere.ui_backend.tables import read

VERSION = "2.6.1-anywhere-local"  # what clients of the official backend compare; then build and commit, as there
TAGS = """
    SELECT coalesce(json_agg(DISTINCT tag), '[]')::text
    FROM runs_v3, jsonb_array_elements_text(tags || system_tags) AS tag
"""
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
NOTIFICATION_KEYS = ("id", "type", "contentType", "message", "url", "urlText", "created", "start", "end")


def routes(settings: UISettings) -> list[web.RouteDef]:
    """All of them."""
    notifications = [_completed(one) for one in settings.notifications if _is_shown(one)]
    config = {"GA_TRACKING_ID": settings.analytics} if settings.analytics else {}
    started = time.time()

    async def ping(request: web.Request) -> web.Response:
        return web.Response(text="pong")

    async def version(request: web.Request) -> web.Response:
        return web.Response(text=VERSION)

    async def told(request: web.Request) -> web.Response:
        found = [one for one in notifications if all(_passes(one, key, text) for key, text in request.query.items())]
        return json_response(found)

    async def tags(request: web.Request) -> web.Response:
        return web.Response(body=(await read(request.app[POOL], TAGS, {}))[0], content_type="application/json")

    async def no_plugin(request: web.Request) -> web.Response:
        return json_response("Plugin not found", 404)

    async def status(request: web.Request) -> web.Response:
        return json_response({"status": "UP", "seconds": round(time.time() - started, 1)})

    return [
        web.get("/ping", ping),
        web.get("/version", version),
        web.get("/features", _always(dict(settings.features))),
        web.get("/config", _always(config)),
        web.get("/links", _always(settings.links)),
        web.get("/notifications", told),
        web.get("/plugin", _always([])),
        web.get("/plugin/{name}", no_plugin),
        web.get("/plugin/{name}/{file:.+}", no_plugin),
        web.get("/tags", tags),
        web.get("/status", status),
    ]


def _always(document: object) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        return json_response(document)

    return answer


def _is_shown(notification: object) -> bool:
    return (
        isinstance(notification, dict)
        and bool(notification.get("message"))
        and bool(notification.get("created") or notification.get("start"))
    )


def _completed(notification: dict[str, Any]) -> dict[str, Any]:
    """With every key, and an id that stays the same as long as the notification does."""
    digest = hashlib.sha1(json.dumps(notification, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    defaults = {"id": digest, "type": "info", "contentType": "text", "created": notification.get("start")}
    return {key: notification.get(key) or defaults.get(key) for key in NOTIFICATION_KEYS}


def _passes(notification: dict[str, Any], key: str, text: str) -> bool:
    """Whether a filter such as ``start:le=1700000000000`` lets it through; a key it lacks does."""
    name, _, comparison = key.partition(":")
    compare = COMPARISONS.get(comparison or "eq")
    value = notification.get(name)
    if compare is None or value is None:
        return True
    if isinstance(value, int | float):
        try:
            return compare(value, float(text))
        except ValueError:
            return False
    return compare(str(value), text)
