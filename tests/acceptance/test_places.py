"""Steps of features/places.feature."""

from __future__ import annotations

import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, scenarios, then, when

from metaflow_anywhere.accounts import Account
from tests.acceptance.place import PROJECT, USER_ID, Place, new_place, words

scenarios("places.feature")

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
    (folder,) = closed
    below = [path for path in needed if path.startswith(f"{folder}/")]
    return ("unshare", "--mount", "bash", "-ec", OPENED, "bash", folder, *below, "--", *AS_USER)


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
