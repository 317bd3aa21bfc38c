"""Steps of features/installed.feature: the wheel, built from this checkout, in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, scenarios, then, when

from tests.acceptance.place import FLOWS, PROJECT, USER_ID, Place, new_place, words
from tests.acceptance.test_places import prefix_for_user

scenarios("installed.feature")

UV = Path(sys.executable).with_name("uv")
# The machine's own certificates and package index, as pip is told them.
FOR_UV = {
    **os.environ,
    **{"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"},
    **({"UV_DEFAULT_INDEX": os.environ["PIP_INDEX_URL"]} if "PIP_INDEX_URL" in os.environ else {}),
}
TASKS = """
from invoke import Collection
from metaflow_anywhere.command import namespace
ns = Collection()
ns.add_collection(namespace, "mf")
"""


@dataclass(frozen=True)
class Installed:
    """A wheel, and an environment that holds it."""

    wheel: Path
    environment: Path


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    """Readable by everybody, as a system's environments are."""
    with tempfile.TemporaryDirectory(prefix="mfa-wheel-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        uv("build", "--wheel", "--python", sys.executable, "--out-dir", folder, PROJECT)
        (wheel,) = folder.glob("*.whl")
        environment = folder / "environment"
        uv("venv", "--python", sys.executable, environment)
        uv("pip", "install", "--link-mode=copy", "--python", environment / "bin" / "python", wheel)
        yield Installed(wheel, environment)


def uv(*words: str | Path) -> None:
    """Run uv as one with the usual umask does."""
    subprocess.run([UV, *words, "--quiet"], check=True, umask=0o022, env=FOR_UV)


@pytest.fixture
def far_place(installed: Installed) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="mfa-user-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o777)
        with new_place(Path(name) / "state", prefix_for_user(), owner=USER_ID) as place:
            place.project = place.work
            place.variables["PATH"] = f"{installed.environment}/bin:/usr/local/bin:/usr/bin:/bin"
            shutil.copy(FLOWS / "linear.py", place.work / "flow.py")
            yield place


@given("the wheel in an empty environment of an ordinary user, in a folder of a flow", target_fixture="place")
def the_wheel_far_away(far_place: Place) -> Place:
    return far_place


@given(parsers.parse("a file invoke.yaml there that sets the port to {port:d}"))
def a_file_of_settings(place: Place, port: int) -> None:
    (place.work / "invoke.yaml").write_text(f"anywhere:\n  port: {port}\n")
    del place.variables["MF_PORT"]


@given("a tasks.py there that adds the collection under the name mf")
def tasks_of_their_own(place: Place) -> None:
    (place.work / "tasks.py").write_text(TASKS)


@when(parsers.parse('uvx runs "{command}" from the wheel'))
def a_runner_runs(place: Place, installed: Installed, command: str) -> None:
    place.prefix = ()  # its cache, from which everything comes, belongs to whoever runs the tests
    place.variables = {**place.variables, **FOR_UV, "MF_ROOT": str(place.root), "MF_PORT": place.port}
    place.run(str(UV), "tool", "run", "--python", sys.executable, "--from", str(installed.wheel), *words(command))


@then("everything that runs is of that environment")
def all_of_the_environment(place: Place, installed: Installed) -> None:
    commands = [" ".join(one.cmdline()) for one in place.processes()]
    assert any("metaflow_anywhere.service" in one for one in commands)
    assert [one for one in commands if str(PROJECT) in one] == []
    where = "import metaflow_anywhere, pathlib; print(pathlib.Path(metaflow_anywhere.__file__).parent)"
    assert str(installed.environment) in place.ask("python", "-c", where).out
