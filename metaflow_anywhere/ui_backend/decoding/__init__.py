"""Values of artifacts, decoded in short-lived, confined processes and kept in a bounded cache.

Nothing is ever unpickled in this process. `Decoder` is the door.
"""

from metaflow_anywhere.ui_backend.decoding.cache import Cache
from metaflow_anywhere.ui_backend.decoding.decoder import Decoder
from metaflow_anywhere.ui_backend.decoding.value import UNREADABLE, Value

__all__ = ["UNREADABLE", "Cache", "Decoder", "Value"]
