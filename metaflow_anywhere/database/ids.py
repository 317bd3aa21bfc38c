"""How runs and tasks are addressed: by the integer the server allotted, or by the name a scheduler chose."""

from __future__ import annotations

from typing import NamedTuple

LARGEST_NUMBER = 2**63 - 1  # of a bigint column
UNKNOWN_NUMBER = "-1"  # sequences start at 1, so no row has it


class Id(NamedTuple):
    """One part of an address, as query parameters: exactly one of the two is set.

    ``number`` is kept as text, because one prepared statement then serves integers of every size.
    """

    number: str | None
    name: str | None


def parse_id(text: str) -> Id:
    """Only digits select the integer column, anything else the string column (wire contract, section 1).

    A number no column can hold becomes one that no row has: it is simply not found.
    """
    if not is_number(text):
        return Id(None, text)
    return Id(text if len(text) < 19 or int(text[:40]) <= LARGEST_NUMBER else UNKNOWN_NUMBER, None)


def is_number(text: str) -> bool:
    """Whether ``text`` is made of the digits 0 to 9 only (other scripts' digits are letters of a name here)."""
    return text.isascii() and text.isdigit()
