"""What is said when a database was stopped: that all is in the mirror, only if it can be had back from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_anywhere.state.catalogue import Catalogue
from metaflow_anywhere.state.documents import WalRange, packed
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.ending import Hole, require_whole
from metaflow_anywhere.state.layout import INCARNATIONS, WalName
from metaflow_anywhere.state.marks import keep_documents, publish_incarnation
from tests.state.test_verdict import ONE


@pytest.mark.parametrize("harm", ["lost", "one lost", "emptied"])
def test_documents_that_vanished_are_written_again(place: Path, harm: str) -> None:
    drive = Drive(place / "pg")
    drive.prepare()
    publish_incarnation(drive, ONE)
    assert not keep_documents(drive, Catalogue(drive), ONE)
    for name in INCARNATIONS[: 1 if harm == "one lost" else None]:
        path = place / "pg" / str(ONE.name) / name
        if harm == "emptied":
            path.write_bytes(b"")
        else:
            path.unlink()
    assert keep_documents(drive, Catalogue(drive), ONE)
    assert Catalogue(drive).incarnations[ONE.name].document() == ONE.document()
    assert not keep_documents(drive, Catalogue(drive), ONE)


def test_all_of_the_log_without_any_base_is_not_all(place: Path) -> None:
    drive = Drive(place / "pg")
    drive.prepare()
    publish_incarnation(drive, ONE)
    end = ONE.start + 100
    described = WalRange(str(ONE.name), "7", 1, ONE.start, end, 1.8e9, 0.1)
    drive.put(f"{ONE.name}/wal/{WalName(1, ONE.start, end)}", packed(described, b"x" * 100))
    with pytest.raises(Hole, match="no base backup yet"):
        require_whole(Catalogue(drive), ONE, end)
