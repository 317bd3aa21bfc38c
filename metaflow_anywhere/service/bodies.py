"""Request bodies: parsed, and refused with one sentence where they are not what an endpoint takes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from metaflow_anywhere.service.messages import bad_request
from metaflow_anywhere.service.storable import storable_text

LARGEST_ATTEMPT = 32767  # of a smallint column
NO_NAMES = ("", ".", "..")  # clients and proxies take these parts out of a path
LONGEST_NAME = 255  # characters, of the columns that are keys or hold users


def parse_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises a 400."""
    document = _parse(body)
    if not isinstance(document, dict):
        raise bad_request("the body must be a JSON object")
    return document


def parse_rows(body: bytes, strings: Iterable[str], names: Iterable[str]) -> list[dict[str, Any]]:
    """The body as a JSON array of objects whose ``strings`` are strings, null or absent. Raises a 400.

    Those of them that are ``names`` have a limited length: a row that cannot be stored must not be left out silently.
    """
    document = _parse(body)
    if not isinstance(document, list):
        raise bad_request("the body must be a JSON array of objects")
    for place, row in enumerate(document):
        if not isinstance(row, dict):
            raise bad_request(f"item {place} of the body must be a JSON object")
        for name in strings:
            if not isinstance(row.get(name, ""), str | None):
                raise bad_request(f"{name} of item {place} must be a string")
        for name in names:
            if len(row.get(name) or "") > LONGEST_NAME:
                raise bad_request(f"{name} of item {place} is longer than {LONGEST_NAME} characters")
        for name in ("tags", "system_tags"):
            _check_tags(name, row.get(name), f" of item {place}")
    return document


def created_by(document: dict[str, Any]) -> dict[str, Any]:
    """``user_name`` and both lists of tags of a create request, as query parameters. Raises a 400."""
    user_name = document.get("user_name")
    if not isinstance(user_name, str | None):
        raise bad_request("user_name must be a string")
    return {
        "user_name": None if user_name is None else storable_text(user_name),
        "tags": _tags(document, "tags"),
        "system_tags": _tags(document, "system_tags"),
    }


def given_name(document: dict[str, Any], key: str) -> str | None:
    """The name a scheduler chose, under ``key``; None if absent. Raises a 400."""
    name = document.get(key)
    if name is None:
        return None
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise bad_request(f"{key} must be a string")
    name = str(name)
    if storable_text(name) != name:  # it could never be asked for under the name that was chosen
        raise bad_request(f"{key} must be text without NUL")
    if name in NO_NAMES:
        raise bad_request(f"{key} is {name!r}, which cannot be a part of a path; leave it out for one without a name")
    return name


def check_attempt(value: object, place: int) -> None:
    """Raise a 400 unless ``value`` is an attempt: an integer of a smallint column, or its text, or null."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    if value is not None and (
        not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_ATTEMPT
    ):
        raise bad_request(f"attempt_id of item {place} must be an integer from 0 to {LARGEST_ATTEMPT}")


def _tags(document: dict[str, Any], name: str) -> str | None:
    tags = document.get(name)
    _check_tags(name, tags, "")
    return None if tags is None else json.dumps([storable_text(tag) for tag in tags])


def _check_tags(name: str, tags: object, where: str) -> None:
    if tags is None:
        return
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise bad_request(f"{name}{where} must be a list of strings")


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise bad_request("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise bad_request(f"the body is not JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise bad_request("the body is not UTF-8 text") from None
    except ValueError:
        raise bad_request("a number in the body has too many digits") from None
