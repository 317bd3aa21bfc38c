"""The same collection for ``fab``, which looks for this file only."""

from tasks import namespace

__all__ = ["namespace"]
