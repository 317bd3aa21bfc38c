"""The ten stages of the graph, each bound to one stack: whether it is satisfied, its work, and how it is undone."""

from metaflow_anywhere.stack.stages.base import READY_SECONDS, ProgramStage, StackStage
from metaflow_anywhere.stack.stages.database import InitSchema, StartDatabase
from metaflow_anywhere.stack.stages.mirror import RestoreSnapshot, Sync, mirror_of, moment
from metaflow_anywhere.stack.stages.prepare import FetchUdocker, PullImages
from metaflow_anywhere.stack.stages.services import StartProxy, StartService, StartUi, Tunnel

BY_PROGRAM: dict[str, type[ProgramStage]] = {
    kind.program_name: kind for kind in (StartDatabase, StartService, StartUi, StartProxy, Sync)
}
BY_NAME: dict[str, type[StackStage]] = {
    "fetch-udocker": FetchUdocker,
    "pull-images": PullImages,
    "restore-snapshot": RestoreSnapshot,
    "init-schema": InitSchema,
    "start-db": StartDatabase,
    "start-service": StartService,
    "start-ui": StartUi,
    "proxy": StartProxy,
    "sync": Sync,
    "tunnel": Tunnel,
}

__all__ = [
    "BY_NAME", "BY_PROGRAM", "READY_SECONDS", "FetchUdocker", "InitSchema", "PullImages", "RestoreSnapshot",
    "StartDatabase", "StartProxy", "StartService", "StartUi", "Sync", "Tunnel",
    "mirror_of", "moment",
]  # fmt: skip
