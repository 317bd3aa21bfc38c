"""Metaflow's own client against the service: the oldest that is supported, the installed one, and the newest there is.

``--newest-client`` fetches the newest from the package index and runs the same with it. ``invoke test`` ends with that
where the newest is not the installed one: the day on which a release comes that fails here, it is said.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import metaflow
import pytest

from tests.service.running import RunningService
from tests.ui_backend.world import World

OLDEST = "2.15.0"  # as pyproject.toml has it
INSTALL_SECONDS = 120
WIDTH = 2
ASKED = """
run = Flow('Fan').latest_run
task = next(iter(run['work']))
run.add_tag('seen')
run.replace_tag('seen', 'kept')
namespace('user:ann')
mine = [one.id for one in Flow('Fan')]
namespace(None)
answer = {
    'version': metaflow_version.get_version(),
    'run': run.id, 'successful': run.successful, 'latest': Flow('Fan').latest_successful_run.id,
    'steps': sorted(step.id for step in run), 'mine': mine, 'total': run.data.total,
    'width': len(list(run['work'])), 'doubled': sorted(one.data.doubled for one in run['work']),
    'parents': [] if oldest else sorted(one.id for one in run['join'].task.parent_tasks),
    'work': sorted(one.id for one in run['work']),
    'names': sorted(one.id for one in task.artifacts if one.id == 'doubled'),
    'metadata': 'attempt' in {one.name for one in task.metadata},
    'tags': sorted(Run('Fan/' + run.id).user_tags),
    'flows': sorted(one.id for one in Metaflow()),
}
"""


@pytest.fixture(scope="module")
def world(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(service.url, tmp_path_factory.mktemp("clients"))


@pytest.fixture(params=["oldest", "installed", "newest"])
def client(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> str:
    """The version of the client that `world` runs flows with."""
    if request.param == "newest" and not request.config.getoption("--newest-client"):
        pytest.skip("it is fetched from the package index with --newest-client only")
    world.environment.pop("PYTHONPATH", None)
    if request.param != "installed":
        wanted = f"metaflow=={OLDEST}" if request.param == "oldest" else "metaflow"
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path), wanted]
        fetched = subprocess.run(command, check=request.param == "oldest", timeout=INSTALL_SECONDS)
        if fetched.returncode != 0:
            pytest.skip("the package index did not give the newest client")
        world.environment["PYTHONPATH"] = str(tmp_path)
    return {"oldest": OLDEST, "installed": metaflow.__version__}.get(request.param, "")


def test_a_client_runs_a_flow_and_reads_it_back(world: World, client: str) -> None:
    run = world.start("fan", "--width", str(WIDTH), "--tag", "fresh").finish()
    # The oldest takes the answer that finds parents for something else, whatever service gives it.
    said = world.ask(f"from metaflow import metaflow_version\noldest = {client == OLDEST}{ASKED}")
    assert not client or said["version"].startswith(client)
    assert (said["run"], said["latest"], said["successful"]) == (run, run, True)
    assert {"start", "work", "join", "end"} <= set(said["steps"])
    assert run in said["mine"]
    assert (said["width"], len(said["doubled"]), said["names"]) == (WIDTH, WIDTH, ["doubled"])
    assert said["parents"] == ([] if client == OLDEST else said["work"])
    assert said["metadata"]
    assert said["tags"] == ["fresh", "kept"]
    assert said["flows"] == ["Fan"]
