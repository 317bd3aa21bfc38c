"""Bases and snapshots that were begun by somebody who died are removed; whatever a restore might need stays."""

from __future__ import annotations

from metaflow_anywhere.state.catalogue import Catalogue
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.layout import MANIFEST, SNAPSHOT, base_name, base_start
from tests.state.lab import Machine, eventually

HALF = b"what pg_basebackup had written so far"


def test_what_was_begun_and_never_finished_goes_and_all_else_stays(machine: Machine, drive: Drive) -> None:
    one = machine.mirror(drive, machine.mirroring(drive, upkeep=3600.0))
    newest = base_start(Catalogue(drive).base_folders(one)[0].rpartition("/")[2])
    assert newest
    older, damaged, newer = (f"{one.name}/{base_name(newest + shift)}" for shift in (-0x100, -0x200, 0x100))
    gone = [older, "snap-20260101T000000Z-never"]
    kept = [damaged, newer, "snap-20260102T000000Z-half", "snap-20260103T000000Z-kept"]
    for folder in [*gone, *kept]:
        drive.put(f"{folder}/base.tar.gz", HALF)
    drive.put(f"{damaged}/{MANIFEST}", b"{")  # there was one: what is wrong with it is not for us to judge
    (drive.root / kept[2] / f".{MANIFEST}.7.tmp").write_bytes(b"{}")  # a drive may take a rename back
    drive.put(f"{kept[3]}/{SNAPSHOT}", b"{}")
    machine.end_sync()
    machine.await_sync()
    machine.start_sync(machine.mirroring(drive, grace=0.5))
    eventually(lambda: not any(map(drive.exists, gone)), "the removal of what nobody finished")
    assert all(map(drive.exists, kept))
