"""The built web UI: its files, and its one page for every other path."""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path

from aiohttp import web

from metaflow_anywhere.ui_backend.datastore import Folder, OutsideDatastore

ASSET_SECONDS = 365 * 24 * 3600  # names of built files hold a digest of their content


def routes(folder: Path, prefix: str) -> list[web.RouteDef]:
    """Whatever no other route answers: it must come last."""
    files = Folder(folder)
    script = f"<script>window.METAFLOW_SERVICE={json.dumps(prefix or '/')};</script>"
    page = (folder / "index.html").read_text(encoding="utf-8").replace("</head>", f"{script}</head>", 1)

    async def answer(request: web.Request) -> web.Response:
        names = [name for name in request.match_info["path"].split("/") if name]
        if names and "." in names[-1] and names != ["index.html"]:
            try:
                with files.open(*names) as file:
                    body = file.read()
            except (OSError, OutsideDatastore):
                raise web.HTTPNotFound from None
            kind = mimetypes.guess_type(names[-1])[0] or "application/octet-stream"
            age = f"max-age={ASSET_SECONDS}, immutable" if len(names) > 1 else "no-cache"
            return web.Response(body=body, content_type=kind, headers={"Cache-Control": age})
        return web.Response(text=page, content_type="text/html", headers={"Cache-Control": "no-cache"})

    return [web.get("/{path:.*}", answer)]
