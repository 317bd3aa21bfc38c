"""A world with runs of the real client, made once, and a UI backend that shows it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.service.running import RunningService, new_database, service_environment
from tests.ui_backend.running import RunningUI
from tests.ui_backend.world import Runs, World
from tests.ui_backend.writing import Writer

_numbers = itertools.count()


@pytest.fixture(scope="session")
def world_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="session")
def world_database(postgres_conninfo: str) -> Iterator[str]:
    with new_database(postgres_conninfo, "ui_world") as conninfo:
        yield conninfo


@pytest.fixture(scope="session")
def world(world_database: str, world_folder: Path) -> Iterator[World]:
    """A metadata service and a datastore, as a stack has them."""
    service = RunningService(world_folder, service_environment(world_database))
    made = World(service.url, world_folder)
    cards = made.sysroot / ".metaflow" / "mf.cards"
    cards.parent.mkdir(parents=True)
    cards.symlink_to(".")
    made.environment["METAFLOW_CARD_LOCALROOT"] = str(cards)
    yield made
    service.stop()


@pytest.fixture(scope="session")
def runs(world: World, world_folder: Path, long_form: bool) -> Runs:
    """Two Hellos (the second by another user, in a folder of its own whose cards stay there), a foreach, a run that
    stumbles and fails, that run resumed, and one killed in the middle."""
    width = 50 if long_form else 8
    hello = world.start("hello", "--tag", "kind:greeting", "--word", "hallo")
    stumble = world.start("stumble", user="bob", cwd=world_folder / "bridge")
    astray = world.start("hello", user="bob", cwd=world_folder / "astray" / "deep", METAFLOW_CARD_LOCALROOT="")
    fan = world.start("fan", "--width", str(width), "--max-workers", "3")
    sleeper = world.start_and_kill("sleeper", world_folder / "awake")
    failed = stumble.finish()
    source = world_folder / "bridge" / "stumble.py"
    source.write_text(source.read_text().replace("if not pathlib.Path(self.mended).exists()", "if self.mended == '?'"))
    resumed = world.start("stumble", user="bob", cwd=world_folder / "bridge", verb="resume")
    return Runs(hello.finish(), astray.finish(), fan.finish(), failed, resumed.finish(), sleeper, width)


@pytest.fixture(scope="session")
def ui_environment(world: World, world_database: str) -> dict[str, str]:
    """What a UI backend of this world is told."""
    _, _, address = world.service_url.partition("//")
    host, _, port = address.partition(":")
    return {
        **service_environment(world_database),
        "MF_METADATA_HOST": host,
        "MF_METADATA_PORT": port,
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(world.sysroot),
        "FEATURE_ARTIFACT_TABLE": "1",
        "FEATURE_ARTIFACT_SEARCH": "false",
    }


@pytest.fixture(scope="session")
def ui(ui_environment: dict[str, str], world_folder: Path) -> Iterator[RunningUI]:
    """A UI backend that shows the world."""
    running = RunningUI(world_folder / "ui", {**ui_environment, "UI_ENABLED": "0"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def database(postgres_conninfo: str) -> Iterator[str]:
    """The conninfo of a database of this module's, with the schema."""
    with new_database(postgres_conninfo, f"ui_{next(_numbers)}") as conninfo:
        yield conninfo


@pytest.fixture
def table(database: str) -> Iterator[psycopg.Connection]:
    """That database, past everything."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def service(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A metadata service of this module's: what is written here is nobody else's business."""
    running = RunningService(tmp_path_factory.mktemp("service"), service_environment(database))
    yield running
    running.stop()


@pytest.fixture
def writer(service: RunningService) -> Writer:
    made = Writer(service.url)
    made.post("", {"user_name": "ann"})
    return made
