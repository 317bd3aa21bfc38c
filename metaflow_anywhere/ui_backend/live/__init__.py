"""Live updates: from PostgreSQL's notifications to the WebSockets of those who asked for them. `Live` is the door."""

from metaflow_anywhere.ui_backend.live.live import Live

__all__ = ["Live"]
