"""Which stack is meant, and with which settings, by real supervisors that run nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import Progress
from metaflow_anywhere.register import remember
from metaflow_anywhere.settings import Settings, resolve
from metaflow_anywhere.stack.meant import ONLY_ONE, find
from metaflow_anywhere.stack.supervision import Supervisor


class Machine:
    """A machine with a state folder; ``up`` starts the supervisor of a root, which runs nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"MF_STATE_DIR": str(folder / "state")}
        self.supervisors: list[Supervisor] = []

    def up(self, name: str, **options: Any) -> Settings:
        one = resolve(options={"root": str(self.folder / name), **options}, environ=self.environ)
        for made in (one.log_dir, one.run_dir):
            made.mkdir(parents=True)
        supervisor = Supervisor.of(one)
        supervisor.ensure(list, Progress())
        self.supervisors.append(supervisor)
        remember(one)
        return one

    def find(self, options: dict[str, Any] | None = None, **keywords: Any) -> Any:
        return find([], options or {}, environ={**self.environ, **keywords.pop("variables", {})}, **keywords)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="mfa-meant-", dir="/tmp") as name:
        monkeypatch.setenv("XDG_STATE_HOME", f"{name}/xdg")
        made = Machine(Path(name))
        yield made
        for supervisor in made.supervisors:
            supervisor.shut_down(Progress())


def test_the_only_stack_that_runs_is_meant_where_no_root_was_named(machine: Machine) -> None:
    up = machine.up("a", port="7999")
    found = machine.find()
    assert (found.settings.root, found.settings.port) == (up.root, 7999)
    assert str(up.root) in found.notes[0]
    assert found.settings.origins["root"] == ONLY_ONE


def test_up_never_means_another_stack_than_the_default_one(machine: Machine) -> None:
    up = machine.up("a")
    assert machine.find(adopts=False, changes=True).settings.root != up.root


def test_a_named_root_is_meant_whatever_runs(machine: Machine) -> None:
    machine.up("a")
    wanted = machine.folder / "b"
    assert machine.find({"root": str(wanted)}).settings.root == wanted
    assert machine.find(variables={"MF_ROOT": str(wanted)}).settings.root == wanted


def test_several_that_run_are_listed_and_none_is_meant(machine: Machine) -> None:
    first, second = machine.up("a", port="7998"), machine.up("b", port="7999")
    with pytest.raises(AnywhereError) as caught:
        machine.find()
    for one in (first, second):
        assert f"{one.root}   http://127.0.0.1:{one.port}/" in caught.value.why


def test_a_stack_that_does_not_run_is_not_meant(machine: Machine) -> None:
    one = machine.up("a")
    Supervisor.of(one).shut_down(Progress())
    assert machine.find().settings.root != one.root


def test_what_was_given_at_up_holds_afterwards(machine: Machine) -> None:
    up = machine.up("a", port="7999", pgdata_dir=str(machine.folder / "fast"))
    found = machine.find({"root": str(up.root)}).settings
    assert (found.port, found.pgdata_dir) == (7999, machine.folder / "fast")
    assert found.origins["port"] == "remembered from the last up"


def test_another_value_counts_at_the_next_up_only(machine: Machine) -> None:
    up = machine.up("a", port="7999")
    given = {"root": str(up.root), "port": "7998"}
    found = machine.find(given)
    assert found.settings.port == 7999
    assert "port 7999" in found.notes[0] and "7998 (option: --port)" in found.notes[0]
    assert machine.find(given, adopts=False, changes=True).settings.port == 7998


def test_a_place_of_another_stack_in_the_shell_does_not_mix_with_the_stack_that_is_named(machine: Machine) -> None:
    one = machine.up("a", port="7999")
    other = machine.up("b", port="7998", datastore_dir=str(machine.folder / "b-artifacts"))
    shell = {"MF_PORT": str(other.port), "DATASTORE_DIR": str(other.datastore_dir)}
    found = machine.find({"root": str(one.root)}, variables=shell)
    assert (found.settings.port, found.settings.datastore_dir) == (one.port, one.datastore_dir)
    assert {str(other.port), str(other.datastore_dir)} <= {word for note in found.notes for word in note.split()}


def test_a_root_that_is_named_by_a_link_is_the_same_stack(machine: Machine) -> None:
    one = machine.up("a", port="7999", datastore_dir=str(machine.folder / "fast"))
    (machine.folder / "link").symlink_to(one.root)
    found = machine.find({"root": str(machine.folder / "link")}).settings
    assert (found.port, found.datastore_dir) == (7999, machine.folder / "fast")


def test_another_value_counts_at_once_for_a_stack_that_is_down(machine: Machine) -> None:
    up = machine.up("a", port="7999")
    Supervisor.of(up).shut_down(Progress())
    found = machine.find({"root": str(up.root), "port": "7998"})
    assert (found.settings.port, list(found.notes)) == (7998, [])
