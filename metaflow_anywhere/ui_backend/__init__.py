"""The UI backend: rows, status, logs, cards, artifacts and live updates for the web UI. Run it with ``python -m``.

Wire-compatible with the official UI backend 2.6.1; reads the database and a local datastore, and changes neither.
"""
