"""What the text of a setting may be: each function makes a value of it, or raises ValueError saying what it is not."""

from __future__ import annotations

import contextlib
import os
import re
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

YES, NO = ("1", "yes", "true", "on"), ("0", "no", "false", "off")
ORIGIN = re.compile(r"https?://([\w.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?", re.ASCII)


def as_path(text: Any) -> Path:
    if not isinstance(text, (str, Path)) or not str(text).strip():
        raise ValueError("is not a path")
    if any(ord(character) < 32 for character in str(text)):
        raise ValueError("has a line break or another control character in it")
    return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100  # resolve() would follow links


def as_text_path(text: Any) -> Path:
    """A path that the database, which keeps where artifacts are, can hold."""
    if any("\udc80" <= character <= "\udcff" for character in str(text)):
        raise ValueError("has bytes in it that are no text in UTF-8")
    return as_path(text)


def _whole(what: str, least: int, most: int) -> Callable[[Any], int]:
    def parse(text: Any) -> int:
        with contextlib.suppress(ValueError):
            if least <= (number := int(str(text))) <= most:
                return number
        raise ValueError(f"is not {what} ({least} to {most})")

    return parse


as_port = _whole("a port number", 1, 65535)
as_seconds = _whole("a number of seconds", 1, 3600)


def as_url(text: Any) -> str:
    parts = urllib.parse.urlsplit(str(text))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("is not a URL (http://... or https://...)")
    if not re.fullmatch(r"[\w.:-]+", parts.hostname or ""):
        raise ValueError("has characters in its host that no host has")
    return str(text).rstrip("/")


def as_origins(text: Any) -> str:
    """Origins, each as browsers write it, separated by single blanks."""
    found = []
    for one in str(text).replace(",", " ").split():
        parts = urllib.parse.urlsplit(one)
        if not ORIGIN.fullmatch(one.rstrip("/")) or parts.path not in ("", "/"):
            raise ValueError("is not a list of origins, such as http://localhost:3000 https://ui.example")
        found.append(one.rstrip("/").lower())
    return " ".join(dict.fromkeys(found))


def as_word(text: Any) -> str:
    if not isinstance(text, str) or not text.strip() or any(c.isspace() for c in text):
        raise ValueError("is not a single word")
    return text


def as_name(text: Any) -> str:
    """As people are called: several words are fine."""
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        raise ValueError("is not a name")
    return text.strip()


def as_flag(text: Any) -> bool:
    word = str(text).strip().lower()
    if word not in YES + NO:
        raise ValueError("is neither yes nor no")
    return word in YES


def one_of(words: tuple[str, ...]) -> Callable[[Any], str]:
    def parse(text: Any) -> str:
        if text not in words:
            raise ValueError(f"is not one of: {', '.join(words)}")
        return str(text)

    return parse
