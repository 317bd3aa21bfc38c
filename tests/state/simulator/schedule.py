"""One schedule: what happens, in an order that one number decides, with the models in the place of the real things."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.state import aside, base_keeper, lease, marks, retention, shipping
from metaflow_anywhere.state import claim as claiming
from metaflow_anywhere.state import restore as restoring
from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.drive import DriveError
from metaflow_anywhere.state.verdict import Choice
from metaflow_anywhere.state.ways import read_range
from tests.state.simulator.model import RECORD, Clock, Crash, Database, ModelServer, records
from tests.state.simulator.troubles import copy_root, lose, unite
from tests.state.simulator.world import Machine, Violation, World, rebuild_for


def run(seed: int, folder: Path, steps: int = 30) -> None:
    """One schedule. Raises Violation."""
    with patched(seed) as clock:
        world = World(seed, folder, clock)
        restoring.rebuild = rebuild_for(world)
        restoring.Server = lambda _: ModelServer(world.target.database)  # type: ignore[assignment, misc, return-value, arg-type]
        try:
            for _ in range(steps):
                step(world)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def step(world: World) -> None:
    """Something happens."""
    rng = world.rng
    machine = rng.choice(world.machines)
    if rng.random() < 0.1:
        machine.drive.crash_in = rng.randrange(1, 25)
    try:
        with contextlib.suppress(AnywhereError, DriveError):
            rng.choices(list(STEPS), weights=list(STEPS.values()))[0](world, machine)
    except Crash:
        world.kill(machine)
    machine.drive.crash_in = None


def work(world: World, machine: Machine) -> None:
    for _ in range(world.rng.randrange(1, 12)):
        world.commit(machine)
    world.ship(machine)


def user(world: World, machine: Machine) -> None:
    """Somebody looks again once all is there, and then decides."""
    machine.drive.mounted = True
    machine.drive.arrive()
    try:
        world.up(machine)
    except AnywhereError:
        choice = Choice(keep=world.rng.choice(("local", "mirror")) if machine.database else "mirror")
        world.up(machine, choice, accept_loss=True)


def another(world: World, machine: Machine) -> None:
    """The machine goes for good, or stays; another one comes, and sees what it sees."""
    if world.rng.random() < 0.6:
        if world.rng.random() < 0.5:
            world.down(machine)
        world.kill(machine)
        machine.drive.upload(world.rng.random() if world.late else 1.0)
        world.machines.remove(machine)
    if len(world.machines) < 3:
        world.machines.append(world.new_machine())
    if world.rng.random() < 0.5:
        world.machines[-1].drive.spoil()
    world.up(world.machines[-1])


def away(world: World, machine: Machine) -> None:
    """The drive is not mounted, or its folder is empty, while the machine is up or when it comes up."""
    if world.rng.random() < 0.5:
        machine.drive.mounted = not machine.drive.mounted
    elif not machine.running:
        machine.drive.view = {}
        world.up(machine)


def set_back(world: World, machine: Machine) -> None:
    """The database is put back as it was some commits ago."""
    if machine.running or not machine.database or machine.database.end - machine.database.start < 8 * RECORD.size:
        return
    database = machine.database
    cut = world.rng.randrange(1, 6)
    if database.end - cut * RECORD.size < database.floor:
        return
    older = Database(database.timeline, database.start, database.commits, database.digest)
    kept = list(records(bytes(database.log)))[:-cut]
    dropped = sum(1 for commit, _ in list(records(bytes(database.log)))[-cut:] if commit)
    older.log, older.digest = database.log[: -cut * RECORD.size], kept[-1][1] if kept else 0
    older.floor = database.floor
    older.commits = database.commits[: len(database.commits) - dropped]
    machine.database, machine.memory = older, None
    machine.drive.arrive()
    world.up(machine)
    if machine.running and machine.database is older and machine.one:
        shipped = machine.drive.cloud.promised.get(machine.one.name, 0)
        if machine.drive.is_whole and shipped > len(older.commits):
            raise Violation(f"a database with {len(older.commits)} of {shipped} commits in its mirror goes on")
        # what only this machine had is no part of any truth
        machine.drive.cloud.truth[machine.one.name] = list(older.commits)


STEPS: dict[Callable[[World, Machine], None], float] = {
    work: 10,
    lambda world, machine: world.commit(machine): 3,
    lambda world, machine: world.base(machine): 4,
    lambda world, machine: world.upkeep(machine): 4,
    lambda world, machine: world.look_at_lease(machine): 4,
    lambda world, machine: world.down(machine): 3,
    lambda world, machine: world.kill(machine): 2,
    lambda world, machine: world.up(machine): 5,
    lambda world, machine: machine.drive.upload(0.5): 3,
    lambda world, machine: machine.drive.arrive(): 3,
    user: 3,
    another: 4,
    away: 1,
    set_back: 1,
    lambda world, machine: world.scrub(machine): 2,
    lose: 2,
    copy_root: 1,
    unite: 1,
}


@contextlib.contextmanager
def patched(seed: int) -> Any:
    """The clock, the dice and what looks into PostgreSQL's own format, for one schedule."""
    clock, dice = Clock(), random.Random(seed + 1)
    former: list[tuple[Any, str, Any]] = []

    def put(module: Any, name: str, value: Any) -> None:
        former.append((module, name, getattr(module, name)))
        setattr(module, name, value)

    for module in (lease, marks, retention, shipping, base_keeper, claiming, restoring):
        put(module, "time", clock)
    put(lease, "secrets", SimpleNamespace(token_hex=lambda count: f"{dice.getrandbits(8 * count):0{2 * count}x}"))
    put(restoring, "rebuild", restoring.rebuild)
    put(restoring, "Server", restoring.Server)
    put(aside, "has_commits", model_has_commits)
    try:
        yield clock
    finally:
        for module, name, value in reversed(former):
            setattr(module, name, value)


def model_has_commits(catalogue: Catalogue, one: Incarnation, start: int) -> bool:
    """As the product's, of the model's records."""
    position = start
    for name in catalogue.all_wal(one):
        if name.timeline == one.timeline and name.start <= position < name.end:
            found = read_range(catalogue, one, name)
            if found is not None:
                if any(commit for commit, _ in records(found[1][position - name.start :])):
                    return True
                position = name.end
    return False
