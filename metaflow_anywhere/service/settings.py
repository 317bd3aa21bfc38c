"""What the service is told by its environment and command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.settings import DatabaseSettings, whole_number
from metaflow_anywhere.http import path_prefix


@dataclass(frozen=True)
class ServiceSettings:
    """Where to listen, under which prefix, and on which database."""

    host: str
    port: int
    socket: Path | None
    tcp: bool
    prefix: str
    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    database: DatabaseSettings
    cutoffs: Cutoffs

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServiceSettings:
        """Read ``MF_METADATA_HOST``, ``_PORT``, ``_SOCKET``, ``PATH_PREFIX``, the database's. Raises SettingsError."""
        unix = environment.get("MF_METADATA_SOCKET")
        return cls(
            host=environment.get("MF_METADATA_HOST") or "127.0.0.1",
            port=whole_number(environment, "MF_METADATA_PORT", default=8080, low=0, high=65535),
            socket=Path(unix) if unix else None,
            tcp=not unix,
            prefix=path_prefix(environment.get("PATH_PREFIX", "")),
            hosts=tuple(environment.get("MF_ALLOWED_HOSTS", "").lower().split()),
            origins=tuple(environment.get("MF_ALLOWED_ORIGINS", "").split()),
            database=DatabaseSettings.from_environment(environment),
            cutoffs=Cutoffs.from_environment(environment),
        )

    def at(self, host: str | None, port: int | None, unix: str | None = None) -> ServiceSettings:
        """The same with what the command line says in the environment's place; a socket and a port are both kept."""
        return replace(
            self,
            host=host or self.host,
            port=self.port if port is None else port,
            socket=Path(unix) if unix else self.socket,
            tcp=port is not None or host is not None or (self.tcp and not unix),
        )
