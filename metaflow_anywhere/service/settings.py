"""What the service is told by its environment and command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.settings import DatabaseSettings
from metaflow_anywhere.http import Place

PORT = 8080


@dataclass(frozen=True)
class ServiceSettings:
    """Where to listen, whom to answer, and on which database."""

    place: Place
    origins: tuple[str, ...]
    database: DatabaseSettings
    cutoffs: Cutoffs

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServiceSettings:
        """Read what ``__main__.ENVIRONMENT`` lists. Raises SettingsError."""
        return cls(
            place=Place.from_environment(environment, "MF_METADATA", PORT),
            origins=tuple(environment.get("MF_ALLOWED_ORIGINS", "").split()),
            database=DatabaseSettings.from_environment(environment),
            cutoffs=Cutoffs.from_environment(environment),
        )
