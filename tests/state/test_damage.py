"""Whatever happens to one file of the mirror is noticed and named, and where there is a second copy nothing is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.postgres import Programs
from metaflow_anywhere.state.catalogue import Catalogue
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.dumps import dump_database, publish_dump
from metaflow_anywhere.state.layout import WalName
from metaflow_anywhere.state.restore import Report, Wanted, plan, restore
from metaflow_anywhere.state.ways import collect, ways
from tests.state.lab import Machine, eventually, machines

ROWS = 40
LARGE = "INSERT INTO t (said) SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 8000)"


@pytest.fixture(scope="module")
def mirror(programs: Programs, installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A mirror with two bases, small and merged ranges, a clean end, and a dump; ROWS rows in ``t``."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="mfa-", dir="/tmp", ignore_cleanup_errors=True) as name:
        place = Path(name)
        place.chmod(0o755)
        drive = Drive(place / "drive" / "pg")
        with machines(programs, installation, place) as make:
            machine = make()
            machine.create()
            machine.start()
            with machine.connect() as connection:
                connection.execute("CREATE TABLE t (id bigserial PRIMARY KEY, said text)")
            told = machine.mirroring(drive, grace=3600.0, base_pause=0.0, base_bytes=1, merge_at=8)
            machine.mirror(drive, told)
            write(machine, drive, told.pace["merge_at"])
            dump_database(programs, machine.conninfo, machine.folder / "x.dump")
            publish_dump(drive, machine.folder / "x.dump", 0)
            machine.shut_down()
        yield place


def write(machine: Machine, drive: Drive, merge_at: int) -> None:
    """Commit row after row, each mirrored on its own, until there are two bases with merged log between and after."""
    with machine.connect() as connection:
        for _ in range(ROWS):
            connection.execute(LARGE)
            machine.await_mirrored()
    assert machine.standing
    eventually(lambda: (now := machine.standing) and now.bases >= 2, "a second base")
    eventually(lambda: list(drive.root.glob("inc-*/wal/*.w2")), "a merged range")


@pytest.fixture
def copied(mirror: Path, place: Path) -> Drive:
    """A copy of the mirror to be damaged."""
    shutil.copytree(mirror / "drive" / "pg", place / "pg")
    return Drive(place / "pg")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


def older(path: Path) -> None:
    """Another file of the same kind in its place, as a drive that brings an old copy back."""
    kind = path.suffix if path.suffix.startswith(".w") else path.name
    others = [one for one in path.parents[2].rglob(f"*{kind}") if one != path]
    assert others, f"no other {kind}"
    shutil.copy(min(others), path)


DAMAGES = [cut, flip, empty, remove, older]


def files_of(drive: Drive) -> dict[str, Path]:
    """One file of each kind that has a second copy."""
    root = drive.root
    newest = max(root.glob("inc-*/base-*"))
    first = min(root.glob("inc-*/base-*"))
    small = sorted(root.glob("inc-*/wal/*.w1"), key=lambda path: path.name.split("-")[2])
    after = [path for path in small if int(path.name.split("-")[1], 16) > int(newest.name[5:], 16)]
    return {
        "the newest base": newest / "base.tar.gz",
        "the newest base's manifest": newest / "MANIFEST.json",
        "PostgreSQL's manifest": newest / "backup_manifest",
        "the older base": first / "base.tar.gz",
        "a document of the incarnation": next(root.glob("inc-*/INC.json")),
        "a range of log in the middle": (after or small)[len(after or small) // 2],
        "a merged range": min(root.glob("inc-*/wal/*.w2")),
        "the lease": root / "LEASE.json",
    }


def rows(drive: Drive, machine: Machine) -> tuple[Report, int]:
    report = restore(machine.programs, drive, machine.cluster.data, Wanted(accept_loss=True), handover=0.0)
    with machine.cluster.private_server() as conninfo:
        import psycopg

        with psycopg.connect(conninfo) as connection:
            row = connection.execute("SELECT count(*) FROM t").fetchone()
    assert row
    return report, int(row[0])


KINDS = [
    "the newest base", "the newest base's manifest", "PostgreSQL's manifest", "the older base",
    "a document of the incarnation", "a range of log in the middle", "a merged range", "the lease",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_one_damaged_file_is_named_and_its_second_copy_used(
    copied: Drive, kind: str, damage: Callable[[Path], None]
) -> None:
    """By the plan alone, which verifies all that it names: it leads to the very end of the log."""
    whole = collect(Catalogue(copied), next(ways(Catalogue(copied))))
    path = files_of(copied)[kind]
    if damage is older and kind in ("a document of the incarnation", "the lease"):
        pytest.skip("there is no other file of this kind")  # one life: nothing that could come back
    damage(path)
    catalogue = Catalogue(copied)
    way = next(ways(catalogue))
    log = collect(catalogue, way)
    assert log.end == whole.end
    assert log.complete
    assert log.missing == []
    used = kind not in ("the older base", "the lease") and "range" not in kind
    if used:
        assert str(path.relative_to(copied.root)) in {fault.name for fault in catalogue.faults}


@pytest.mark.parametrize("kind", ["the newest base", "the newest base's manifest"])
def test_what_the_plan_says_is_what_comes_back(copied: Drive, new_machine: Callable[[], Machine], kind: str) -> None:
    path = files_of(copied)[kind]
    flip(path)
    report, count = rows(copied, new_machine())
    assert count == ROWS
    assert report.log.complete
    assert [fault.name for fault in report.faults] == [str(path.relative_to(copied.root))]


def test_a_file_under_another_name_is_not_used(copied: Drive) -> None:
    small = sorted((copied.root).glob("inc-*/wal/*.w1"))
    last = WalName.parse(small[-1].name)
    assert last
    shutil.copy(small[0], small[0].with_name(str(WalName(last.timeline, last.start, last.end + 4096))))
    catalogue = Catalogue(copied)
    collect(catalogue, next(ways(catalogue)))
    assert "it holds another range than its name says" in {fault.what for fault in catalogue.faults}


def test_the_end_of_the_log_is_lost_and_said_to_be(copied: Drive, new_machine: Callable[[], Machine]) -> None:
    last = max(copied.root.glob("inc-*/wal/*.w1"), key=lambda path: path.name.split("-")[2])
    cut(last)
    report, count = rows(copied, new_machine())
    assert "MISSING" in "\n".join(report.lines)
    assert ROWS - 1 <= count <= ROWS
    assert not report.log.complete


def test_a_hole_in_the_log_is_said_to_be_one(copied: Drive) -> None:
    newest = max(copied.root.glob("inc-*/base-*"))
    shutil.rmtree(newest)
    for path in copied.root.glob("inc-*/wal/*.w2"):
        path.unlink()
    small = sorted(copied.root.glob("inc-*/wal/*.w1"))
    for path in small[len(small) // 2 : len(small) // 2 + 6]:
        path.unlink()
    catalogue = Catalogue(copied)
    log = collect(catalogue, next(ways(catalogue)))
    assert len(log.missing) == 1
    assert not log.complete


def test_nothing_sound_is_a_clear_refusal_that_offers_the_dump(
    copied: Drive, new_machine: Callable[[], Machine]
) -> None:
    archives = list(copied.root.glob("inc-*/base-*/base.tar.gz"))
    for path in archives:
        flip(path)
    machine = new_machine()
    with pytest.raises(AnywhereError) as told:
        restore(machine.programs, copied, machine.cluster.data, Wanted(), handover=0.0)
    for path in archives:
        assert str(path.relative_to(copied.root)) in told.value.why
    assert "invoke import" in told.value.run
    assert ".dump" in told.value.run
    assert not machine.cluster.data.exists()
    with pytest.raises(AnywhereError):
        plan(copied, Wanted())
