"""Steps of features/privacy.feature."""

from __future__ import annotations

import contextlib
import socket
import stat
import subprocess
from functools import partial
from pathlib import Path

import psutil
from pytest_bdd import given, parsers, scenarios, then, when

from metaflow_anywhere.state.layout import DUMPS, SNAPSHOT
from tests.acceptance.place import USER_ID, Place, eventually

scenarios("privacy.feature")

# Root lists everything, by name; the other account tries each. (It could not list what it may yet know the name of.)
LOOK = """
find "$@" ! -type l -print0 | setpriv --reuid %d --regid %d --clear-groups bash -c '
while IFS= read -r -d "" path; do if [ -r "$path" ] || [ -w "$path" ]; then printf "%%s\\n" "$path"; fi; done'
"""
PASSABLE = 0o711


@given(parsers.parse("a shell whose umask is {mask}"))
def a_shell_with_a_umask(place: Place, mask: str) -> None:
    place.prefix = ("bash", "-c", f'umask {mask}; exec "$@"', "bash")


@given("a program that has no umask of its own")
def no_umask_of_its_own(place: Place) -> None:
    """What is not given its mode where it is made, is then open to everybody. It takes its first dump at once."""
    copy = place.use_copy_of_the_project()
    for name, was, becomes in (
        ("environment.py", "PRIVATE_UMASK = 0o077", "PRIVATE_UMASK = 0o000"),
        ("stack/launch.py", "PRIVATE_UMASK = 0o077", "PRIVATE_UMASK = 0o000"),
        ("state/pace.py", "first_dump: float = 600.0", "first_dump: float = 1.0"),
    ):
        path = copy / "metaflow_anywhere" / name
        text = path.read_text()
        assert was in text
        path.write_text(text.replace(was, becomes))


@when("the mirror has a base, a dump and a snapshot")
def the_mirror_has_all(place: Place) -> None:
    mirror = place.settings.root / "pg"
    for pattern in (f"{DUMPS}/*.json", f"**/{SNAPSHOT}", "**/base.tar.gz"):
        eventually(partial(_there, mirror, pattern), pattern)


def _there(folder: Path, pattern: str) -> bool:
    return any(folder.glob(pattern))


@then("every file of mirror, state and export is closed by its own mode")
def closed_by_its_own_mode(place: Place) -> None:
    settings = place.settings
    found = [place.folder / "elsewhere"]
    for folder in (settings.root / "pg", settings.stack_dir, settings.log_dir):
        found += [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(found) > 20
    assert [f"{path} {path.stat().st_mode:o}" for path in found if path.stat().st_mode & 0o077] == []


@given(parsers.parse('the variable {name} is "{{folder}}/{rest}"'))
def the_variable_is_below_the_folder(place: Place, name: str, rest: str) -> None:
    place.variables[name] = f"{place.folder}/{rest}"
    place.root = place.settings.root


@then("another account can read and write nothing of root, state, sockets and export but PostgreSQL's programs")
def nobody_can_look(place: Place) -> None:
    settings = place.settings
    places = [settings.root, settings.stack_dir, settings.run_dir, place.folder / "elsewhere"]
    assert all(path.exists() for path in places)
    look = ["bash", "-c", LOOK % (USER_ID, USER_ID), "bash", *map(str, places)]
    found = subprocess.run(look, capture_output=True, text=True, check=True).stdout.splitlines()
    assert found == []
    state = subprocess.run([*look[:4], str(settings.state_dir)], capture_output=True, text=True, check=True).stdout
    others = f"{settings.state_dir}/stacks/"
    seen = [path for path in state.splitlines() if not path.startswith((f"{settings.state_dir}/postgres-", others))]
    assert [path for path in seen if path not in (str(settings.state_dir), others[:-1])] == []


@then("the proxy's port on loopback is the only one that its programs listen on")
def one_port(place: Place) -> None:
    processes = place.processes()
    assert {"postgres", "caddy", "supervisord"} <= {word for one in processes for word in named(one)}
    found = set()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # PostgreSQL's children come and go
            found |= {
                tuple(one.laddr)
                for one in process.net_connections("inet")
                if one.status == psutil.CONN_LISTEN or (one.type == socket.SOCK_DGRAM and not one.raddr)
            }
    assert found == {("127.0.0.1", place.settings.port)}


def named(process: psutil.Process) -> set[str]:
    """Of which program it may be."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return {process.name(), *(word.rpartition(".")[2] for word in process.cmdline()[:3])}
    return set()


@then("what must be passable for PostgreSQL is no more than that")
def passable_and_no_more(place: Place) -> None:
    settings = place.settings
    for folder in (settings.root, settings.stack_dir, settings.run_dir):
        assert stat.S_IMODE(folder.stat().st_mode) == PASSABLE


@then(parsers.parse('no program knows "{one}" or "{other}"'))
def no_program_knows(place: Place, one: str, other: str) -> None:
    processes = place.processes()
    assert len(processes) >= 7
    for process in processes:
        assert not {one, other} & set(process.environ().values()), process
