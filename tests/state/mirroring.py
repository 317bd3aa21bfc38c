"""The mirror as a process that can be killed: ``python -m tests.state.mirroring <JSON of Mirroring>``."""

from __future__ import annotations

import importlib
import json
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from metaflow_anywhere.postgres import Account, Cluster, Programs
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.lease import Fenced
from metaflow_anywhere.state.life import read_life
from metaflow_anywhere.state.pace import Mirrored, Pace
from metaflow_anywhere.state.standing import Reporter
from metaflow_anywhere.state.sync import Sync


@dataclass
class Mirroring:
    """What the process needs to know; ``drive_class`` is ``module:name`` of a Drive or of a model of one."""

    programs: str
    version: str
    data: str
    conninfo: str
    root: str
    folder: str
    drive_class: str = "metaflow_anywhere.state.drive:Drive"
    drive_options: dict[str, Any] = field(default_factory=dict)
    pace: dict[str, Any] = field(default_factory=dict)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.state.mirroring", json.dumps(asdict(self))]

    def drive(self) -> Drive:
        module, _, name = self.drive_class.partition(":")
        made: Drive = getattr(importlib.import_module(module), name)(Path(self.root), **self.drive_options)
        return made


def main(told: Mirroring) -> None:
    cluster = Cluster(Programs(Path(told.programs), told.version, Account.for_this_process()), Path(told.data))
    life = read_life(cluster.data)
    assert life is not None
    folder = Path(told.folder)

    def on_fenced(fenced: Fenced) -> None:
        if (pid := cluster.server_pid()) is not None:
            psutil.Process(pid).send_signal(signal.SIGINT)
        while cluster.server_pid() is not None:  # its parent, the test, may leave a zombie for longer
            time.sleep(0.02)

    mirrored = Mirrored(told.drive(), cluster, told.conninfo, told.conninfo, folder / "stage")
    sync = Sync(
        mirrored, life.incarnation, Reporter(folder / "mirror.json"), on_fenced, Pace(**told.pace),
        lambda text: print(text, flush=True),
    )  # fmt: skip
    signal.signal(signal.SIGINT, lambda *_: sync.end())
    signal.signal(signal.SIGTERM, lambda *_: sync.end(machine_goes=True))
    sync.run()


if __name__ == "__main__":
    main(Mirroring(**json.loads(sys.argv[1])))
