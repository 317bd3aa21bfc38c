"""The built web UI: its files, and its one page for every other path, told where everything is and locked down."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from metaflow_anywhere.ui_backend.building import MARK
from metaflow_anywhere.ui_backend.settings import UISettings

INNER_PREFIX = "/.page"  # the page alone, for a proxy: beside the API a flow called "runs" would have no address
ASSETS = "assets/"  # names of built files in there hold a digest of their content
ASSET_SECONDS = 365 * 24 * 3600
PREFIX = re.compile(r"(/[\w.~-]+)*/?", re.ASCII)
FORWARDED_PREFIX = "X-Forwarded-Prefix"
FILE_SUFFIXES = (".js", ".css", ".map", ".json", ".txt", ".ico", ".png", ".svg", ".webmanifest")
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc\s*=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
# Of another web UI: its libraries write styles into the page, and the official one loads its font from here.
STYLES_ELSEWHERE, FONTS_ELSEWHERE = "https://fonts.googleapis.com", "https://fonts.gstatic.com"
NO_PAGE = "no web UI here: it was not built (pip install -e . builds it), or UI_ENABLED says no\n"
OTHERS_POLICY = (
    f"style-src 'self' 'unsafe-inline' {STYLES_ELSEWHERE}",
    f"font-src 'self' data: {FONTS_ELSEWHERE}",
    "img-src 'self' data: blob:",
    "worker-src 'self' blob:",
    "manifest-src 'self'",
)
COMMON_HEADERS = {
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class File:
    """One built file, as it is answered."""

    body: bytes
    kind: str
    etag: str
    cache: str


class Page:
    """The built UI in ``folder``, read once."""

    def __init__(self, folder: Path, settings: UISettings) -> None:
        self._settings = settings
        self._files = {name: _file(folder / name, name) for name in _names(folder)}
        self._index = (folder / "index.html").read_text(encoding="utf-8")
        self._is_ours = (folder / MARK).is_file()

    async def answer(self, request: web.Request) -> web.Response:
        """A built file by its name, and the page by every other path."""
        path = request.match_info["path"]
        file = self._files.get(path)
        if file is not None:
            headers = {**COMMON_HEADERS, "Cache-Control": file.cache}
            return _answer(request, file.body, file.kind, file.etag, headers)
        if path.removeprefix(ASSETS).count("/") == 0 and path.endswith(FILE_SUFFIXES):  # perhaps of an older build
            raise web.HTTPNotFound
        outside = self._taken_away(request)
        base = outside + self._settings.place.prefix
        script = _script(self._settings, outside)
        text = self._index.replace("</head>", f"<script>{script}</script></head>", 1)
        text = text.replace("<head>", f'<head><base href="{html.escape(base)}/">', 1)
        body = text.encode()
        headers = {
            **COMMON_HEADERS,
            "Content-Security-Policy": policy(
                self._settings, [script] if self._is_ours else INLINE_SCRIPT.findall(text), is_ours=self._is_ours
            ),
            "Cache-Control": "no-cache",
            "Vary": f"Host, X-Forwarded-Host, {FORWARDED_PREFIX}",
        }
        return _answer(request, body, "text/html", _etag(body), headers)

    def _taken_away(self, request: web.Request) -> str:
        """The path that a proxy in front of us takes away, without a slash at its end.

        It says so by a header; without that, it is the path of the public URL for those who come by that name.
        """
        told = request.headers.get(FORWARDED_PREFIX, "").rstrip("/")
        if told and PREFIX.fullmatch(told):
            return told
        public = urlsplit(self._settings.public_url)
        host = request.headers.get("X-Forwarded-Host", request.headers.get("Host", "")).split(",")[0].strip()
        return public.path.rstrip("/") if host == public.netloc and PREFIX.fullmatch(public.path) else ""


def routes(settings: UISettings) -> list[web.RouteDef]:
    """The page below its inner prefix, and where no proxy is for whatever no other route answers: it must come last."""
    answer = _no_page if settings.page is None else Page(settings.page, settings).answer
    inner = [web.get(INNER_PREFIX + "/{path:.*}", answer), web.head(INNER_PREFIX + "/{path:.*}", answer)]
    api = settings.page_settings.get("METAFLOW_SERVICE", "")
    if settings.page is None or (api.startswith("/") and api != settings.place.prefix):
        return inner  # a proxy keeps the page apart: a path that the API does not know is a mistake here
    return [*inner, web.get("/{path:.*}", answer), web.head("/{path:.*}", answer)]


async def _no_page(request: web.Request) -> web.Response:
    return web.Response(text=NO_PAGE, status=404)


def policy(settings: UISettings, scripts: Iterable[str], *, is_ours: bool) -> str:
    """The Content-Security-Policy of the page: its own files, the inline ``scripts``, and the two services.

    Another web UI than ours may bring styles, fonts and images of its own too, but no other scripts.
    """
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    elsewhere = " ".join(dict.fromkeys(_origins(settings.page_settings)))
    sources = f"'self' {elsewhere}".strip()
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *(f"'sha256-{digest}'" for digest in digests)]),
            *(["style-src 'self'", "img-src 'self' data:"] if is_ours else OTHERS_POLICY),
            f"connect-src {sources}",
            f"frame-src {sources}",
            "base-uri 'self'",
            "form-action 'none'",
            f"frame-ancestors {settings.frame_ancestors}",
        ]
    )


def _script(settings: UISettings, outside: str) -> str:
    """What the page is told, as ``window.NAME = value``; those that are paths begin with ``outside``."""
    own = {"METAFLOW_SERVICE": settings.place.prefix or "/", "APP_BASE_PATH": f"{settings.place.prefix}/"}
    told = {**own, **settings.page_settings}
    values = {name: outside + value if value.startswith("/") else value for name, value in told.items()}
    return "".join(f"window.{name}={_literal(value)};" for name, value in values.items())


def _literal(value: str) -> str:
    """A string of JavaScript that cannot end the script element it stands in."""
    return json.dumps(value).replace("<", "\\u003c")


def _origins(page_settings: Mapping[str, str]) -> list[str]:
    """Where else than at its own origin the page has something to ask; WebSockets have schemes of their own."""
    found = []
    for value in page_settings.values():
        parts = urlsplit(value)
        if parts.scheme in ("http", "https") and parts.netloc:
            socket_scheme = parts.scheme.replace("http", "ws")
            found += [f"{parts.scheme}://{parts.netloc}", f"{socket_scheme}://{parts.netloc}"]
    return found


def _names(folder: Path) -> list[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [path.as_posix() for path in paths if not path.name.startswith(".") and path.name != "index.html"]


def _file(path: Path, name: str) -> File:
    body = path.read_bytes()
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    cache = f"max-age={ASSET_SECONDS}, immutable" if name.startswith(ASSETS) else "no-cache"
    return File(body, kind, _etag(body), cache)


def _etag(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:20]


def _answer(request: web.Request, body: bytes, kind: str, etag: str, headers: Mapping[str, str]) -> web.Response:
    known = request.if_none_match or ()
    if any(one.value in (etag, "*") for one in known):
        response = web.Response(status=304, headers=headers)
    else:
        charset = "utf-8" if kind.startswith("text/") or kind.endswith("javascript") else None
        response = web.Response(body=body, content_type=kind, charset=charset, headers=headers)
    response.etag = etag
    return response
