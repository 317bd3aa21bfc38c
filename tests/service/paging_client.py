"""A stand-in for Metaflow's client 2.19.40, the first that reads collections page by page, until that can be installed.

It asks as that one does: once for the version, then ``GET <collection>?_tags:all=user:NAME&_limit=100``, following the
cursors, and is as strict about what comes back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import requests

FIRST_PAGING = (2, 6, 1)
PAGE_SIZE = 100


class PagingFault(Exception):
    """A page that the client does not accept."""


class PagingClient:
    """Reads collections of the service at ``url`` in a user's namespace (None: the global one); counts its requests."""

    def __init__(self, url: str, user: str | None = None, page_size: int = PAGE_SIZE) -> None:
        self._url = url
        self._user = user
        self._page_size = page_size
        self._pages: bool | None = None
        self._session = requests.Session()
        self.requests = 0

    def _get(self, path: str, query: Mapping[str, str]) -> requests.Response:
        self.requests += 1
        answer = self._session.get(f"{self._url}{path}", params=query, timeout=60)
        if answer.status_code >= 300 and answer.status_code != 404:
            raise PagingFault(f"{path} answers {answer.status_code}: {answer.text}")
        return answer

    def has(self, path: str) -> bool:
        """Whether the object is there."""
        return self._get(path, {}).status_code == 200

    def rows(self, path: str, filters: Mapping[str, str] | None = None, size: int | None = None) -> Iterator[Any]:
        """The rows of a collection, each page when its first row is asked for."""
        if self._pages is None:
            version = self._get("/ping", {}).headers.get("METADATA_SERVICE_VERSION", "0")
            self._pages = tuple(int(number) for number in version.split(".")) >= FIRST_PAGING
        namespace = {"_tags:all": f"user:{self._user}"} if self._user else {}
        if not self._pages:
            yield from self._whole(path, filters)
            return
        query = {**namespace, **(filters or {}), "_limit": str(size or self._page_size)}
        seen: set[str] = set()
        for number in itertools.count():
            answer = self._get(path, query)
            if answer.status_code == 404:
                return
            if "X-Limit" not in answer.headers:
                if number or filters:
                    raise PagingFault(f"{path}: a page without X-Limit")
                yield from self._whole(path, filters)
                return
            yield from answer.json()
            cursor = answer.headers.get("X-Next-Cursor")
            if cursor is None:
                return
            if cursor in seen:
                raise PagingFault(f"{path}: the cursor {cursor} came twice")
            seen.add(cursor)
            query["_cursor"] = cursor

    def _whole(self, path: str, filters: Mapping[str, str] | None) -> Iterator[Any]:
        if filters:
            raise PagingFault("this service cannot filter")
        answer = self._get(path, {})
        yield from answer.json() if answer.status_code == 200 else []

    def runs(
        self, flow: str, filters: Mapping[str, str] | None = None, size: int | None = None, most: int | None = None
    ) -> list[Any]:
        """``Flow(flow).runs(filters=..., page_size=..., max_runs=...)``: of the service's runs the newest first."""
        if not self.has(f"/flows/{flow}"):
            raise PagingFault(f"no flow {flow}")
        return list(itertools.islice(self.rows(f"/flows/{flow}/runs", filters, size), most))

    def latest_run(self, flow: str) -> Any:
        """``Flow(flow).latest_run``."""
        return next(iter(self.runs(flow, most=1)), None)

    def latest_successful_run(self, flow: str) -> Any:
        """``Flow(flow).latest_successful_run``, by the service's own filter."""
        return next(iter(self.runs(flow, {"status:eq": "completed"}, most=1)), None)
