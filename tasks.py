"""What can be run: ``invoke --list``. The stages and verbs themselves are in the folder ``tasks`` beside this file.

Python would let this file hide that folder. It becomes the folder's package instead: ``tasks.database`` is
``tasks/database.py``, and both Invoke's loader and ``import tasks`` find the collection here.
"""

import sys
from pathlib import Path

# Invoke has nobody keep what is compiled; each command would compile this program anew.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
__path__ = [str(Path(__file__).with_name("tasks"))]

from tasks.collection import namespace  # the package must have its path first

__all__ = ["namespace"]
