"""The command ``metaflow-anywhere`` (short: ``mfa``): an Invoke program over the collection that ``invoke`` runs in a
checkout, for any folder.

Somebody's own ``tasks.py`` takes the collection with ``from metaflow_anywhere.command import namespace``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from invoke import Collection
from invoke.program import Program

from metaflow_anywhere import __version__
from metaflow_anywhere.graph.executor import GraphExecutor
from metaflow_anywhere.hints import OWN_NAME

SHORT_NAME = "mfa"
PACKAGE = Path(__file__).parent
TASKS = "metaflow_anywhere.tasks"


class Command(Program):
    """Invoke's program with a fixed collection, and with the settings' files of the folder it is run in."""

    def parse_collection(self) -> None:
        """Take the collection; read ``invoke.yaml`` here, as Invoke does beside a ``tasks.py`` only."""
        super().parse_collection()
        sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)  # Invoke has nobody keep what is compiled
        self.config.set_project_location(Path.cwd())
        self.config.load_project()

    def execute(self) -> None:
        """Run the tasks with our executor, whichever the file of another project may name."""
        GraphExecutor(self.collection, self.config, self.core).execute(*self.tasks)

    def print_help(self) -> None:
        """The verbs first: Invoke's own options are few people's business."""
        self.no_tasks_given()


def collection() -> Collection:
    """All verbs and stages, from the wheel's ``tasks`` or, in an editable installation, the checkout's."""
    if TASKS not in sys.modules and not (PACKAGE / "tasks").is_dir():
        folder = PACKAGE.parent / "tasks"
        spec = importlib.util.spec_from_loader(TASKS, loader=None, is_package=True)
        assert spec is not None and spec.submodule_search_locations is not None
        spec.submodule_search_locations.append(str(folder))
        sys.modules[TASKS] = importlib.util.module_from_spec(spec)
    found: Collection = importlib.import_module(f"{TASKS}.collection").namespace
    return found


def main() -> None:
    """Run the command line of this process."""
    Command(
        name=OWN_NAME,
        binary=f"{OWN_NAME} (or {SHORT_NAME})",
        binary_names=[OWN_NAME, SHORT_NAME],
        version=__version__,
        namespace=collection(),
    ).run()


def __getattr__(name: str) -> Any:
    if name == "namespace":
        return collection()
    raise AttributeError(name)
