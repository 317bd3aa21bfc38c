"""What every answer of the service says of itself: that it is kept nowhere, and is what its type says."""

from __future__ import annotations

import pytest

from tests.service.conftest import Made
from tests.service.running import Client

PATHS = ("/ping", "/version", "/flows", "{flow}", "{flow}/runs", "{flow}/runs?_limit=1", "/openapi.json", "/flows/None")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", [*PATHS, "/no/such/path", "{flow}/runs?status=nonsense"])
def test_no_answer_is_kept_or_taken_for_another_kind(http: Client, made: Made, method: str, path: str) -> None:
    headers = http(method, path.format(flow=made.flow)).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers.get("X-Content-Type-Options") == "nosniff"
