r"""Values of filters: separated by commas, of which one may be a value's own."""

from __future__ import annotations

import pytest

from metaflow_anywhere.database.filters import split_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", [""]),
        ("a,b", ["a", "b"]),
        (r"a\,b", ["a,b"]),
        (r"Doe\, Jane,Roe\, Rick", ["Doe, Jane", "Roe, Rick"]),
        (r"CORP\ann,CORP\bob", [r"CORP\ann", r"CORP\bob"]),
        (r"\\server\share", [r"\\server\share"]),
        (r"a\\,b", ["a\\", "b"]),
        (r"a\\\,b", ["a\\,b"]),
        (r"a\,", ["a,"]),
        ("a\\", ["a\\"]),
        (",", ["", ""]),
    ],
)
def test_a_backslash_makes_a_comma_a_part_of_the_value(text: str, values: list[str]) -> None:
    assert split_values(text) == values
