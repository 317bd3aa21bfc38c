"""What the service is told by its environment and command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from metaflow_anywhere.database.settings import DatabaseSettings, SettingsError, whole_number


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
            prefix=_prefix(environment.get("PATH_PREFIX", "")),
            database=DatabaseSettings.from_environment(environment),
        )

    def at(self, host: str | None, port: int | None) -> ServiceSettings:
        """The same with what the command line says in the environment's place."""
        return replace(self, host=host or self.host, port=self.port if port is None else port)


def _prefix(text: str) -> str:
    """``PATH_PREFIX`` with one leading and no trailing slash, or empty."""
    if any(character in text for character in "{}?#% "):
        raise SettingsError(f"PATH_PREFIX is {text!r}, and must be a plain path such as /metadata")
    stripped = text.strip("/")
    return f"/{stripped}" if stripped else ""
