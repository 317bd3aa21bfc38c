"""One front for all tests of the doors in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proxying import Front, front
from tests.service.running import new_database


@pytest.fixture(scope="session")
def whole(postgres_conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Service, UI backend and proxy; when all tests are done they are well, and had nothing to complain about."""
    with new_database(postgres_conninfo, "edge") as database, front(tmp_path_factory.mktemp("f"), database) as one:
        yield one
        assert "Traceback" not in one.log()
        assert one.ping() == "pong"
