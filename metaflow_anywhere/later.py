"""Libraries that cost more to import than most verbs cost to run: imported when one of their names is first used.

``from metaflow_anywhere.later import psycopg`` instead of ``import psycopg``, in modules that the command line imports.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__all__ = ["psutil", "psycopg", "sql"]

if TYPE_CHECKING:
    import psutil
    import psycopg
    from psycopg import sql
else:

    class _Later:
        """Stands for the module ``name``; Python's own import lock makes it safe for several threads."""

        def __init__(self, name: str) -> None:
            self.__name__ = name

        def __getattr__(self, attribute: str) -> Any:
            return getattr(importlib.import_module(self.__name__), attribute)

    psutil, psycopg, sql = map(_Later, ("psutil", "psycopg", "psycopg.sql"))
