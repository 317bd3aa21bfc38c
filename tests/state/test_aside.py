"""What a mirror holds beside the newest state, and when it was written."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.state import aside
from metaflow_anywhere.state.aside import require_one_history
from metaflow_anywhere.state.catalogue import Catalogue
from metaflow_anywhere.state.documents import WalRange, packed
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import WalName
from metaflow_anywhere.state.marks import publish_incarnation
from tests.state.test_verdict import ONE, TWO

NOW = 1.8e9


def test_a_moment_is_of_a_history_as_soon_as_something_of_it_was_committed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine what is committed at 10:00:00 may be written at 10:00:03, and says so."""
    monkeypatch.setattr(aside, "has_commits", lambda *_: True)
    drive = Drive(place / "pg")
    drive.prepare()
    one = replace(ONE, began=time.time())
    publish_incarnation(drive, one)
    publish_incarnation(drive, replace(TWO, lineage=((one.name, one.start),)))
    for written, lag, start in ((NOW, 3.0, one.start), (NOW + 10, 0.2, one.start + 100)):
        name = WalName(1, start, start + 100)
        described = WalRange(str(one.name), "7", 1, name.start, name.end, written, lag)
        drive.put(f"{one.name}/wal/{name}", packed(described, b"x" * 100))
    for moment in (NOW - 2, NOW, NOW + 10):
        with pytest.raises(AnywhereError, match="more than one history"):
            require_one_history(Catalogue(drive), moment)
    for moment in (NOW - 4, NOW + 11):
        require_one_history(Catalogue(drive), moment)
