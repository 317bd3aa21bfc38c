"""One front for all tests of the doors in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proxying import Front, body_limit, front
from tests.service.running import new_database

SHORT = body_limit(5.0)  # of the service; in a stack it is longer


@pytest.fixture(scope="session")
def whole(postgres_conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Service, UI backend and proxy; when all tests are done they are well, and had nothing to complain about."""
    folder = tmp_path_factory.mktemp("f")
    with new_database(postgres_conninfo, "edge") as database, front(folder, database, SHORT) as one:
        yield one
        assert "Traceback" not in one.log()
        assert one.ping() == "pong"
