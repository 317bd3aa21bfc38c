"""What the service is told by its environment and command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from metaflow_anywhere.database.settings import DatabaseSettings, whole_number
from metaflow_anywhere.http import path_prefix


@dataclass(frozen=True)
class ServiceSettings:
    """Where to listen, under which prefix, and on which database."""

    host: str
    port: int
    prefix: str
    database: DatabaseSettings

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServiceSettings:
        """Read ``MF_METADATA_HOST``, ``MF_METADATA_PORT``, ``PATH_PREFIX`` and the database's. Raises SettingsError."""
        return cls(
            host=environment.get("MF_METADATA_HOST") or "127.0.0.1",
            port=whole_number(environment, "MF_METADATA_PORT", default=8080, low=0, high=65535),
            prefix=path_prefix(environment.get("PATH_PREFIX", "")),
            database=DatabaseSettings.from_environment(environment),
        )

    def at(self, host: str | None, port: int | None) -> ServiceSettings:
        """The same with what the command line says in the environment's place."""
        return replace(self, host=host or self.host, port=self.port if port is None else port)
