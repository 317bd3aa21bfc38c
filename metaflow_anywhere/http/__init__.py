"""What both HTTP programs share: listening, the path prefix, and the access log."""

from metaflow_anywhere.http.access_log import AccessLog
from metaflow_anywhere.http.listening import address, listen, listen_all, listen_unix, path_prefix, serve_on

__all__ = ["AccessLog", "address", "listen", "listen_all", "listen_unix", "path_prefix", "serve_on"]
