"""What is done to mirrors from outside: files vanish, a root is copied, and copies become one again."""

from __future__ import annotations

import copy
from pathlib import PurePosixPath

from tests.state.simulator.model import Cloud
from tests.state.simulator.world import Machine, Violation, World

MOST_MACHINES = 4
MOST_FILES = 4


def lose(world: World, machine: Machine) -> None:
    """Some neighbouring pieces of the newest log, or a file of a base, are deleted by somebody else."""
    drive, one = machine.drive, machine.one
    if world.late or not (machine.running and one and drive.is_whole and not drive.pending):
        return
    own = sorted(path for path in drive.view if path.startswith(f"{one.name}/"))
    logs = [path for path in own if "/wal/" in path]
    if world.rng.random() < 0.3:
        bases = [path for path in own if "/base-" in path and PurePosixPath(path).suffix != ".json"]
        doomed = [world.rng.choice(bases)] if bases else []
    else:
        first = world.rng.randrange(len(logs)) if logs else 0
        # the last is left: of log that nobody knows to have been there, nothing can be said
        doomed = logs[first : min(first + world.rng.randrange(1, MOST_FILES + 1), len(logs) - 1)]
    for path in doomed:
        del drive.view[path]
        drive.cloud.files.pop(path, None)
    world.scrub(machine)


def copy_root(world: World, machine: Machine) -> None:
    """Root is copied to another place; a machine goes on there, a new one or one that was stopped."""
    if len(world.clouds) > 1 or world.late:
        return
    world.clouds.append(copy.deepcopy(world.clouds[0]))
    if machine.running or world.rng.random() < 0.5:
        if len(world.machines) >= MOST_MACHINES:
            return
        machine = world.new_machine(world.clouds[1])
        world.machines.append(machine)
    machine.drive.cloud = world.clouds[1]
    machine.drive.arrive()
    world.up(machine)


def unite(world: World, _: Machine) -> None:
    """A drive makes one root of both: what only one has is there, and of the rest the one or the other."""
    if len(world.clouds) < 2:
        return
    first, second = world.clouds
    for name in sorted({*first.truth} & {*second.truth}):
        shorter, longer = sorted((first.truth[name], second.truth[name]), key=len)
        if longer[: len(shorter)] != shorter:
            return
    for machine in world.machines:
        machine.drive.upload()
    merged = Cloud({**second.files, **first.files} if world.rng.random() < 0.5 else {**first.files, **second.files})
    for name in sorted({*first.truth, *second.truth}):
        merged.truth[name] = max((one.truth.get(name, []) for one in world.clouds), key=len)
        merged.promised[name] = max(one.promised.get(name, 0) for one in world.clouds)
    world.clouds = [merged]
    for machine in world.machines:
        machine.drive.cloud = merged
        machine.drive.arrive()
    for machine in world.machines:
        machine.drive.mounted = True
        world.look_at_lease(machine)
    running = [str(one.one.name) for one in world.machines if one.running and one.one]
    if len(running) > 1:
        raise Violation(f"{' and '.join(running)} both go on in one root")
