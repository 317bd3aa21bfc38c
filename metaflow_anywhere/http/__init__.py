"""What both HTTP programs share: listening, the path prefix, and the access log."""

from metaflow_anywhere.http.access_log import AccessLog
from metaflow_anywhere.http.doors import Door, close_early
from metaflow_anywhere.http.listening import address, listen, listen_all, listen_unix, path_prefix, serve_on

__all__ = [
    "AccessLog",
    "Door",
    "address",
    "close_early",
    "listen",
    "listen_all",
    "listen_unix",
    "path_prefix",
    "serve_on",
]
