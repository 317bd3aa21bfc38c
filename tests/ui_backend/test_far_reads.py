"""What the UI backend reads of a drive that hangs."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from metaflow_anywhere.far.reach import Hanging
from metaflow_anywhere.ui_backend.datastore import LOCAL, Datastore
from metaflow_anywhere.ui_backend.decoding.decoder import _stored
from metaflow_anywhere.ui_backend.far_reads import PATIENCE, reading
from metaflow_anywhere.ui_backend.logs import Log, _page
from tests.stand_in.drive import StandInDrive
from tests.stand_in.mounting import cannot_mount

LINE = b"a line\n"
LOG = Log("Flow", "1", "start", "2", 0, "stdout", (), exists=True)
SHA = "a" * 40
ROW = {"ds_type": "local", "flow_id": "Flow", "sha": SHA}
ENOUGH_SECONDS = 30.0  # far less than for ever, on a machine that is busy


def test_reads_of_a_drive_that_hangs_end_and_work_again_once_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = cannot_mount(tmp_path / "trial")
    if why and os.geteuid() != 0:
        pytest.skip(f"mounting takes root: {why}")
    assert not why, f"/dev/fuse cannot be used: {why}"
    monkeypatch.setenv(PATIENCE, "3")
    with StandInDrive(tmp_path / "mount") as drive:
        below = drive.backing / LOCAL / "Flow"
        (below / "1/start/2").mkdir(parents=True)
        (below / "1/start/2/0.stdout.log").write_bytes(LINE)
        (below / "data/aa").mkdir(parents=True)
        (below / "data/aa" / SHA).write_bytes(b"stored")
        asyncio.run(_reads(drive, Datastore(drive.point)))


async def _reads(drive: StandInDrive, datastore: Datastore) -> None:
    async def both() -> tuple[object, object]:
        rows = (await reading([datastore], _page, datastore, LOG, 1, 10, False))[0]
        return rows, await reading([datastore], _stored, datastore, ROW, 100)

    before = await both()
    assert before[0]
    assert before[1] == (b"stored", 6)
    with drive.hanging():
        started = time.monotonic()
        told = await asyncio.gather(*(both() for _ in range(20)), return_exceptions=True)
        assert [type(one) for one in told] == [Hanging] * 20
        assert time.monotonic() - started < ENOUGH_SECONDS
        await asyncio.wait_for(asyncio.to_thread(time.monotonic), ENOUGH_SECONDS)  # threads are free for others
    deadline = time.monotonic() + ENOUGH_SECONDS
    while True:
        try:
            assert await both() == before
            return
        except Hanging:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
