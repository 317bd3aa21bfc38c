"""Which handler answers which path: a tree of path segments, looked up in one walk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from metaflow_anywhere.service.messages import Handler, bad_request


@dataclass(frozen=True)
class Route:
    """``method`` and ``path`` (segments in braces are variable) answered by ``handler``.

    ``tells_version``: whether the answer carries the version header (an official service leaves it out on some).
    """

    method: str
    path: str
    handler: Handler
    tells_version: bool = True


@dataclass(slots=True)
class _Node:
    named: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """What is at a path: its ``routes`` by method (empty if there is nothing) and its variable ``parts``."""

    routes: dict[str, Route]
    parts: dict[str, str]


NOTHING = Match({}, {})


class Router:
    """The routes under ``prefix`` (empty, or with a leading slash)."""

    def __init__(self, routes: Iterable[Route], prefix: str = "") -> None:
        self.prefix = prefix
        self._root = _Node()
        for route in routes:
            self._add(route, prefix)

    def _add(self, route: Route, prefix: str) -> None:
        node = self._root
        names = []
        for segment in (prefix + route.path).split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.named.setdefault(segment, _Node())
        node.routes[route.method] = route
        node.names = tuple(names)

    def match(self, raw_path: str) -> Match:
        """Look up a path as it was sent, with its percent-encoding. Raises a 400 if that is not text."""
        node = self._root
        values = []
        for raw in raw_path.split("/")[1:]:
            segment = _decoded(raw) if "%" in raw else raw
            following = node.named.get(segment)
            if following is None:
                following = node.variable
                values.append(segment)
            if following is None or not segment:
                return NOTHING
            node = following
        return Match(node.routes, dict(zip(node.names, values, strict=False)))


def _decoded(segment: str) -> str:
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise bad_request("the path is not UTF-8 text") from None
    if "\0" in text:
        raise bad_request("the path may not contain the character NUL")
    return text
