"""Steps of features/places.feature."""

from __future__ import annotations

import shlex
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from pytest_bdd import given, parsers, scenarios, then, when

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.edge import caddy_program
from metaflow_anywhere.stack.supervision import Supervisor
from tests.acceptance.place import PROJECT, USER_ID, Place, new_place, words

scenarios("places.feature")

NAMELESS = 1000670000  # such as a container platform gives
AS_USER = ("setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups", "--no-new-privs")
# Our interpreter or checkout may lie below a folder that is closed to others, such as /root. In a mount namespace of
# its own, an open folder stands in its place, in which just the needed paths ($2 and on) are what they were.
OPENED = """
closed=$1; shift
behind=$(mktemp -d); mount --rbind "$closed" "$behind"; mount -t tmpfs -o mode=755 tmpfs "$closed"
while [ "$1" != -- ]; do mkdir -p "$1"; mount --rbind "$behind${1#$closed}" "$1"; shift; done
shift; exec "$@"
"""
# A network of its own with a route that leads nowhere: whatever is sent there is counted and lost.
SINK = """
ip link set lo up
ip link add sink0 type veth peer name sink1
for name in sink0 sink1; do echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; ip link set $name up; done
ip addr add 192.0.2.2/24 dev sink0
ip route add default via 192.0.2.1 dev sink0
"$@"
status=$?
echo "SENT $(awk '/sink0/ { print $11 }' /proc/net/dev)"
exit $status
"""


def prefix_for_user() -> tuple[str, ...]:
    """What runs a command as the unprivileged user, wherever this Python and this checkout are."""
    needed = sorted({sys.base_prefix, sys.prefix, str(PROJECT)})
    closed = {str(folder) for path in needed if (folder := Account(USER_ID, USER_ID).closed_parent(Path(path)))}
    if not closed:
        return AS_USER
    (above,) = closed
    below = [path for path in needed if path.startswith(f"{above}/")]
    return ("unshare", "--mount", "bash", "-ec", OPENED, "bash", above, *below, "--", *AS_USER)


@pytest.fixture
def user_place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="mfa-user-", dir="/tmp", ignore_cleanup_errors=True) as name:
        state = Path(name) / "state"
        Path(name).chmod(0o777)
        with new_place(state, prefix_for_user(), owner=USER_ID) as place:
            yield place


@given("an unprivileged user with an empty root", target_fixture="place")
def an_unprivileged_user(user_place: Place) -> Place:
    assert user_place.ask("id", "-u").out.strip() == str(USER_ID)
    return user_place


@when(parsers.parse('that user runs "{command}"'))
def that_user_runs(place: Place, command: str) -> None:
    place.run(*words(command))
    for process in place.processes():
        assert process.uids().real == USER_ID, process


@given("a root below a folder that only root may enter", target_fixture="place")
def a_root_below_a_closed_folder(fresh_place: Place) -> Place:
    closed = fresh_place.folder / "closed"
    closed.mkdir(mode=0o700)
    fresh_place.variables["MF_ROOT"] = str(closed / "root")
    fresh_place.notes["closed"] = closed
    return fresh_place


@then("the folder is as closed as before")
def the_folder_is_closed(place: Place) -> None:
    assert stat.S_IMODE(place.notes["closed"].stat().st_mode) == 0o700


@given("a network without a route", target_fixture="place")
def a_network_without_a_route(fresh_place: Place) -> Place:
    probe = "import socket; s = socket.socket(); s.settimeout(1); s.connect(('198.51.100.7', 80))"
    sent = subprocess.run(
        ["unshare", "--net", "bash", "-c", SINK, "bash", sys.executable, "-c", probe],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not sent.stdout.endswith("SENT 0\n"), "an attempt to reach another machine must be noticed"
    return fresh_place


@when('I run "invoke up" there')
def i_run_up_there(place: Place) -> None:
    place.run("unshare", "--net", "bash", "-c", SINK, "bash", "bash", "-c", "invoke up && invoke status && invoke down")


@then("no program tried to reach another machine")
def nobody_tried(place: Place) -> None:
    assert place.last.out.endswith("SENT 0\n"), place.last.printed


@pytest.fixture
def nameless_place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="mfa-user-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o777)
        prefix = tuple(word.replace(str(USER_ID), str(NAMELESS)) for word in prefix_for_user())
        with new_place(Path(name) / "state", prefix, owner=NAMELESS) as place:
            del place.variables["HOME"]
            yield place


@given("a user without a name and a home, with an empty root", target_fixture="place")
def a_user_without_a_name(nameless_place: Place) -> Place:
    assert nameless_place.ask("id", "-un").status != 0
    return nameless_place


@given(parsers.parse('a clone and its environment in a folder called "{name}"'), target_fixture="place")
def a_clone_in_a_folder(fresh_place: Place, name: str) -> Place:
    folder = fresh_place.folder / name
    clone, environment = folder / "clone", folder / "venv"
    left_out = shutil.ignore_patterns(
        ".git", ".venv", "node_modules", "__pycache__", ".*_cache", "tests", "docs", "bench"
    )
    shutil.copytree(PROJECT, clone, ignore=left_out)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    installed = sysconfig.get_path("purelib")  # its dependencies; the clone itself comes before
    (packages / "clone.pth").write_text(f"{clone}\n{installed}\n")
    (environment / "bin" / "caddy").symlink_to(caddy_program())
    invoke = environment / "bin" / "invoke"
    invoke.write_text(f'#!/bin/sh\nexec {shlex.quote(str(environment / "bin" / "python"))} -m invoke "$@"\n')
    invoke.chmod(0o755)
    fresh_place.variables["PATH"] = f"{environment / 'bin'}:{fresh_place.variables['PATH']}"
    fresh_place.prefix = ("sh", "-c", f'cd {shlex.quote(str(clone))} && exec "$@"', "sh")
    return fresh_place


@given(parsers.re(r'a root called "(?P<name>.*)"'))
def a_root_called(place: Place, name: str) -> None:
    place.variables["MF_ROOT"] = str(place.folder / name)


@given("a shell with settings of other databases, locales, limits and users")
def a_shell_of_others(place: Place) -> None:
    place.variables |= {
        "PGPASSWORD": "x", "PGSERVICE": "y", "PGOPTIONS": "-c search_path=x", "PGHOSTADDR": "192.0.2.1",
        "PGSSLMODE": "verify-full", "PGCHANNELBINDING": "require", "PGGSSENCMODE": "require", "PGDATA": "/nonexistent",
        "LC_ALL": "tr_TR.ISO-8859-9", "PYTHONIOENCODING": "ascii", "TZ": "Nowhere/Bad", "TMPDIR": "/nonexistent",
        "USER": "ja\"ne $x d'oe", "METAFLOW_USER": 'J. "D"', "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_PROFILE": "none", "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
        "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2",
    }  # fmt: skip
    place.prefix = (*place.prefix, "bash", "-c", 'umask 077; ulimit -n 256; exec "$@"', "bash")


@then("the proxy tells who comes too early that the stack is starting")
def the_proxy_tells(place: Place) -> None:
    program = psutil.Process(place.pids()["ui"])
    assert "Colab Notebooks" in program.cmdline()[0]
    Supervisor.of(place.settings).stop("ui")
    early = requests.get(place.url, timeout=30)
    assert early.status_code == 503
    assert "<html" in early.text.lower()
