"""No answer holds what only Python takes for JSON."""

from __future__ import annotations

import json
import math

import pytest

from metaflow_anywhere.strict_json import encoded
from metaflow_anywhere.ui_backend.envelope import json_response

NONE = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("number", NONE)
def test_a_number_that_is_none_is_null_and_the_rest_stays(number: float) -> None:
    document = {"a": [1.5, number, {"b": number}], "c": "NaN", "d": (number, 2**70, True, None)}
    told = json.loads(encoded(document), parse_constant=pytest.fail)
    assert told == {"a": [1.5, None, {"b": None}], "c": "NaN", "d": [None, 2**70, True, None]}


def test_answers_of_the_ui_backend_are_made_with_it() -> None:
    body = json_response([{"title": "a link", "weight": math.nan}]).body
    assert body == b'[{"title":"a link","weight":null}]'


def test_what_has_no_such_number_is_written_as_ever() -> None:
    assert encoded({"a": [1, 2.5]}) == b'{"a": [1, 2.5]}'
