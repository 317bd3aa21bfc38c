"""The metadata service: HTTP in, one SQL statement, JSON out as PostgreSQL built it. Run it with ``python -m``.

Wire-compatible with the official service 2.6.1. Knows nothing of the stack that runs it.
"""
