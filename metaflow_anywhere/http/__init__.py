"""What both HTTP programs share: listening, the path prefix, and the access log."""

from metaflow_anywhere.http.access_log import AccessLog
from metaflow_anywhere.http.doors import Door, close_early, close_stream_early, end_connection
from metaflow_anywhere.http.listening import Place, address, listen, listen_unix, serve_on, serve_until_stopped

__all__ = [
    "AccessLog",
    "Door",
    "Place",
    "address",
    "close_early",
    "close_stream_early",
    "end_connection",
    "listen",
    "listen_unix",
    "serve_on",
    "serve_until_stopped",
]
