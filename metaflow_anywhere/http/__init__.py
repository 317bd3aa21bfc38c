"""What both HTTP programs share: listening, the path prefix, and the access log."""

from metaflow_anywhere.http.access_log import AccessLog
from metaflow_anywhere.http.listening import listen, path_prefix

__all__ = ["AccessLog", "listen", "path_prefix"]
