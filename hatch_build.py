"""What hatchling runs when pip builds this package: `metaflow_anywhere/ui_backend/building.py` does the work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebUI(BuildHookInterface):
    """Has the web UI built before a wheel, an sdist or an editable installation is made."""

    def dependencies(self) -> list[str]:
        """What pip installs for the build alone, besides what pyproject.toml names."""
        return _building(self.root).requirements(Path(self.root))

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it, or end the whole build."""
        _building(self.root).build(self.target_name, version)


def _building(root: str) -> Any:
    sys.path.insert(0, root)  # the package is not installed yet
    from metaflow_anywhere.ui_backend import building  # noqa: PLC0415

    return building
