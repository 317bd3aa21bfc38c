"""Machines that share a cloud: what they do in one schedule, and what must be true of it whatever happens."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from metaflow_anywhere.state import claim as claiming
from metaflow_anywhere.state import ending
from metaflow_anywhere.state import restore as restoring
from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.judgement import Level
from metaflow_anywhere.state.layout import IncarnationName
from metaflow_anywhere.state.lease import Fenced, check_lease
from metaflow_anywhere.state.life import read_life
from metaflow_anywhere.state.lsn import format_lsn
from metaflow_anywhere.state.marks import mark_clean
from metaflow_anywhere.state.recovery import Recovered
from metaflow_anywhere.state.restore import Wanted
from metaflow_anywhere.state.retention import Retention
from metaflow_anywhere.state.scrub import Scrub
from metaflow_anywhere.state.shipping import Shipper
from metaflow_anywhere.state.signs import gather, shipped_end
from metaflow_anywhere.state.verdict import Choice, Kind, Memory, stand
from metaflow_anywhere.state.ways import Way, ways
from tests.state.simulator.keeping import ModelKeeper, scrub_of
from tests.state.simulator.model import (
    SEGMENTS,
    Clock,
    Cloud,
    Database,
    ModelDrive,
    ModelServer,
    records,
)
from tests.state.simulator.reading import folders, newest_lived, replayed, restorable

MERGE_AT = 3
LONG_SECONDS = 1e5  # after which anything may be tried again


class Violation(AssertionError):
    """Something that must never be; the text says what."""


class ModelShipper(Shipper):
    """Reads the model's log."""

    database: Database

    def read(self, start: int, end: int) -> bytes:
        return self.database.read(start, end)


@dataclass
class Machine:
    """One machine: its drive, its database while it has one, and what it remembers."""

    name: str
    drive: ModelDrive
    data: Path
    database: Database | None = None
    running: bool = False
    one: Incarnation | None = None
    memory: Memory | None = None
    shipper: ModelShipper | None = None
    keeper: ModelKeeper | None = None
    scrub: Scrub | None = None
    retention: Retention = field(default_factory=lambda: Retention(0.0))


class World:
    """All machines of one schedule, and the roots that they use. ``knew`` are the incarnations that were to be seen
    when one began."""

    def __init__(self, seed: int, folder: Path, clock: Clock) -> None:
        self.rng = random.Random(seed)
        self.clock = clock
        self.folder = folder
        self.clouds = [Cloud()]
        self.late = self.rng.random() < 0.4
        self.knew: dict[IncarnationName, set[IncarnationName]] = {}
        self.commits = 0
        self.made = 0
        self.machines = [self.new_machine()]

    def new_machine(self, cloud: Cloud | None = None) -> Machine:
        self.made += 1
        place = self.folder / f"m{self.made}"
        place.mkdir(parents=True)
        return Machine(place.name, ModelDrive(cloud or self.clouds[0], self.rng, late=self.late), place / "pgdata")

    # ---- one machine

    def up(self, machine: Machine, choice: Choice | None = None, *, accept_loss: bool = False) -> None:
        """What ``invoke up`` does, as far as it is about the state. Raises AnywhereError, DriveError."""
        if machine.running:
            return
        database, drive = machine.database, machine.drive
        end: Callable[[Incarnation], int | None] = lambda _: database.end if database else None  # noqa: E731
        count: Any = lambda one, start, stop: self._count(machine, start)  # noqa: E731
        catalogue = Catalogue(drive)
        lacks = self._lacks_its_mirror(machine) and choice is None
        seen = gather(catalogue, machine.data, memory=machine.memory, end=end, commits=count)
        found = stand(seen, choice)
        if found.refusal:
            raise found.refusal
        if found.kind is Kind.FRESH or (found.kind is Kind.CURRENT and database is None):
            if not (choice and choice.new):
                self._check_nothing_was_there(machine)
            self.create(machine)
        elif found.wants_restore:
            self.restore(machine, Wanted(accept_loss=accept_loss, memory=machine.memory))
        self.start(machine, choice)
        if machine.keeper and machine.keeper.newest is None and self.rng.random() < 0.8:
            self.base(machine)  # as the product does at once; unless it is stopped before
        if lacks and machine.database is database:
            raise Violation("a database founded a mirror in a root that had nothing of its own")

    def create(self, machine: Machine) -> None:
        machine.database = Database()
        make_data(machine.data)

    def start(self, machine: Machine, choice: Choice | None) -> None:
        database = machine.database
        assert database
        server: Any = ModelServer(database)
        visible, cloud = folders(machine.drive), machine.drive.cloud
        one = claiming.claim(machine.drive, server, machine.data, None, choice=choice, memory=machine.memory)
        self.knew.setdefault(one.name, visible)
        database.write()  # that it was started
        if cloud.promised.get(one.name, 0) > len(database.commits) and machine.drive.is_whole:
            raise Violation(f"{one.name} goes on with {len(database.commits)} of {cloud.promised[one.name]} commits")
        cloud.truth[one.name] = list(database.commits)  # what a database that was put back has lost was only there
        machine.one, machine.running = one, True
        catalogue = Catalogue(machine.drive)
        machine.shipper = ModelShipper(machine.drive, machine.data, one, shipped_end(catalogue, one), MERGE_AT)
        machine.shipper.database = database
        machine.keeper = ModelKeeper(machine.drive, one, database, self.clock.time())
        machine.scrub = scrub_of(machine.drive, one, machine.keeper)
        machine.memory = Memory(one.name, machine.shipper.position, self.clock.time())

    def restore(self, machine: Machine, wanted: Wanted) -> None:
        """The product's own restore; what it says is compared with what is true."""
        self.target = machine
        whole = machine.drive.is_whole and not self.late
        programs: Any = SimpleNamespace(account=None)
        named, mine, visible = newest_lived(machine.drive), self._own(machine), folders(machine.drive)
        cloud = machine.drive.cloud
        report = restoring.restore(programs, machine.drive, machine.data, wanted, handover=0.0)
        database, reached = machine.database, report.log.reached
        assert database and reached and report.incarnation
        self.knew.setdefault(report.incarnation.name, visible)
        history = cloud.truth[reached.name]
        if history[: len(database.commits)] != database.commits:
            raise Violation(f"two histories were mixed: {database.commits} is not of {history}")
        if whole and not wanted.accept_loss and wanted.tip is None and mine != reached.name:
            self._check_chosen(machine, reached.name, report.incarnation.name)
            self._check_none_is_unknown(machine, reached)
        if "nothing is missing" in " ".join(report.lines):
            if named and named > reached.name and wanted.tip is None:
                raise Violation(f"'nothing is missing' at {reached.name}, and the lease named {named}")
            self._check_complete(machine, reached, database, whole=whole)
        if report.judgement.level is Level.TAIL and whole and wanted.tip is None:
            newest = max(cloud.truth)
            promised = cloud.promised.get(newest, 0)
            if reached.name == newest and len(database.commits) < promised:
                raise Violation(f"{len(database.commits)} of {promised} promised commits, and no word of it")
            if reached.name < newest and len(cloud.truth[newest]) > len(database.commits):
                raise Violation(f"{reached.name} was restored without a word of {newest}")

    def commit(self, machine: Machine) -> None:
        if machine.running and machine.database and machine.one:
            self.commits += 1
            machine.database.write(self.commits)
            machine.drive.cloud.truth[machine.one.name].append(self.commits)

    def ship(self, machine: Machine) -> None:
        if machine.running and machine.shipper and machine.database and machine.one:
            while machine.shipper.ship(machine.database.end):
                pass
            machine.memory = Memory(machine.one.name, machine.shipper.position, self.clock.time())
            if not self.late:
                machine.drive.cloud.promised[machine.one.name] = len(machine.database.commits)

    def base(self, machine: Machine) -> None:
        """A base backup, in the order in which the product publishes one."""
        if machine.running and machine.keeper and machine.shipper:
            self.clock.now += LONG_SECONDS
            machine.keeper.now = self.clock.time()
            machine.keeper.ask()
            machine.keeper.step(machine.shipper.position)

    def scrub(self, machine: Machine) -> None:
        """Look whether all that was written is there, and have what is not made up for."""
        if not (machine.running and machine.scrub and machine.keeper and machine.shipper and machine.one):
            return
        machine.scrub.step(machine.shipper.position)
        if machine.keeper.hole is not None:
            self.base(machine)
        if machine.keeper.hole is None and machine.keeper.newest is not None:
            promised = machine.drive.cloud.promised.get(machine.one.name, 0)
            self._check_saved(machine, promised, "the mirror is said to be well")

    def upkeep(self, machine: Machine) -> None:
        if not (machine.running and machine.shipper and machine.one):
            return
        catalogue = Catalogue(machine.drive)
        machine.shipper.merge(catalogue.wal(machine.one))
        before = restorable(machine.drive.cloud, self.rng) if machine.drive.is_whole else {}
        for name in machine.retention.unneeded(Catalogue(machine.drive), machine.one):
            machine.drive.delete(name)
        if before:
            self._check_reachable(before, machine)

    def look_at_lease(self, machine: Machine) -> None:
        if machine.running and machine.one:
            try:
                check_lease(machine.drive, machine.one.name)
            except Fenced:
                self.down(machine)

    def down(self, machine: Machine) -> None:
        if not (machine.running and machine.database and machine.one and machine.shipper):
            return
        machine.database.write()  # the checkpoint of a shutdown
        machine.running = False
        end = machine.database.end
        while machine.shipper.ship(end):
            pass
        ending.keep_documents(machine.drive, Catalogue(machine.drive), machine.one)
        ending.require_whole(Catalogue(machine.drive), machine.one, end)
        mark_clean(machine.drive, Catalogue(machine.drive), machine.one, end)
        self._check_saved(machine, len(machine.database.commits), "all transactions are said to be in the mirror")
        machine.memory = Memory(machine.one.name, end, self.clock.time())

    def kill(self, machine: Machine) -> None:
        """Its programs end at once; the machine is there again later."""
        machine.running = False
        machine.drive.crash_in = None

    # ---- what must be true

    def _count(self, machine: Machine, start: int) -> int:
        database = machine.database
        assert database
        raw = database.read(max(start, database.start), database.end)
        return sum(1 for commit, _ in records(raw) if commit)

    def _check_nothing_was_there(self, machine: Machine) -> None:
        lived = [name for name in machine.drive.view if "/" in name and "INC" not in name]
        if lived or machine.memory:
            raise Violation(f"an empty database over {sorted(lived)[:3]} and {machine.memory}")

    def _lacks_its_mirror(self, machine: Machine) -> bool:
        mine = self._own(machine) if machine.database else None
        lease = b"".join(data for path, data in machine.drive.view.items() if "LEASE" in path)
        return mine is not None and not (
            any(path.startswith(str(mine)) for path in machine.drive.view) or mine.owner.encode() in lease
        )

    def _check_chosen(self, machine: Machine, reached: IncarnationName, born: IncarnationName) -> None:
        folders = {IncarnationName.parse(path.partition("/")[0]) for path in machine.drive.view}
        equal = [one for one in folders if one and one.sequence == reached.sequence and one not in (reached, born)]
        if equal:
            raise Violation(f"of {reached} and {equal[0]}, which have one number, one was taken by chance")

    def _check_none_is_unknown(self, machine: Machine, reached: Incarnation) -> None:
        """Nothing that whoever began the newest could not see may be left out without a question."""
        cloud, known = machine.drive.cloud, {reached.name, *self.knew.get(reached.name, ())}
        for ancestor, _ in reached.lineage or ():
            known |= {ancestor, *self.knew.get(ancestor, ())}
        restored = set(machine.database.commits) if machine.database else set()
        for other in sorted(folders(machine.drive) - known):
            unique = set(cloud.truth.get(other, [])[: cloud.promised.get(other, 0)]) - restored
            if unique:
                raise Violation(f"{len(unique)} commits of {other}, unknown to {reached.name}, were passed over")

    def _check_saved(self, machine: Machine, commits: int, said: str) -> None:
        """What is said to be in the mirror can be had back from it."""
        one, drive = machine.one, machine.drive
        assert one
        if self.late or not drive.is_whole:
            return
        cloud = ModelDrive(drive.cloud, self.rng, late=False)
        catalogue = Catalogue(cloud)
        way = next(ways(catalogue, tip=one.name), None)
        found = len(replayed(catalogue, way)[0].commits) if way else 0
        if found < commits:
            raise Violation(f"{said}: {found} of {commits} commits of {one.name} are")

    def _check_complete(self, machine: Machine, reached: Incarnation, database: Database, *, whole: bool) -> None:
        folders = {IncarnationName.parse(path.partition("/")[0]) for path in machine.drive.view}
        later = [name for name in folders if name and name > reached.name and name != self._own(machine)]
        if later:
            raise Violation(f"'nothing is missing' at {reached.name}, and there is {max(later)}")
        if machine.memory and machine.memory.incarnation > reached.name:
            raise Violation(f"'nothing is missing' at {reached.name}, and this machine knows of {machine.memory}")
        truth = machine.drive.cloud.truth
        newest = truth[max(truth)]
        if whole and database.commits != newest:
            raise Violation(f"'nothing is missing', but {len(database.commits)} of {len(newest)} commits")

    @staticmethod
    def _own(machine: Machine) -> IncarnationName | None:
        life = read_life(machine.data)
        return life.incarnation.name if life else None

    def _check_reachable(self, before: dict[IncarnationName, int], machine: Machine) -> None:
        cloud = machine.drive.cloud
        after = restorable(cloud, self.rng)
        for name, count in before.items():
            unique = set(cloud.truth[name][:count]) - set(machine.database.commits if machine.database else ())
            if unique and after.get(name, 0) < count:
                raise Violation(f"{len(unique)} commits of {name} were deleted, which nothing else has")


def make_data(data: Path) -> None:
    (data / "global").mkdir(parents=True)
    (data / "global" / "pg_control").touch()
    (data / "pg_wal").mkdir()


def rebuild_for(world: World) -> Callable[..., Recovered]:
    """Stands in for PostgreSQL's recovery."""

    def rebuild(_: Any, catalogue: Catalogue, way: Way, data: Path, **told: Any) -> Recovered:
        old, log = replayed(catalogue, way)
        switch = old.end
        new = Database(log.timeline + 1, SEGMENTS.floor(switch), old.commits, old.digest)
        known = old.read(max(new.start, old.start), switch)
        new.log = bytearray(switch - new.start - len(known)) + bytearray(known)
        make_data(data)
        (data / "pg_wal" / f"{new.timeline:08X}.history").write_text(
            f"{log.timeline}\t{format_lsn(switch)}\tno target\n"
        )
        new.write()  # the end of recovery
        new.floor = new.end
        world.target.database = new
        told["then"]("", log)
        return Recovered(data, way, log)

    return rebuild
