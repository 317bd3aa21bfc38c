"""The access log has what clients asked; of the stack's own questions only those that went wrong."""

from __future__ import annotations

import asyncio
import io

import pytest

from metaflow_anywhere.http import AccessLog
from metaflow_anywhere.own_questions import NAME


@pytest.mark.parametrize(
    ("agent", "method", "status", "logged"),
    [
        ("python-requests/2.32", "GET", 200, True),
        ("", "GET", 200, True),
        (NAME, "GET", 200, False),
        (NAME, "GET", 503, True),
        (NAME, "POST", 200, True),
    ],
)
def test_own_questions_are_logged_only_if_they_go_wrong(agent: str, method: str, status: int, logged: bool) -> None:
    stream = io.StringIO()

    async def ask() -> None:
        log = AccessLog(stream)
        log.write(None, method, "/ping", status, 0.5, {"User-Agent": agent} if agent else {})
        log.flush()

    asyncio.run(ask())
    assert ("/ping" in stream.getvalue()) == logged
