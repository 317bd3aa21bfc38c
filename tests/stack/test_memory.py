"""What can grow under load is bounded by configuration, and what load has left is given back: README's figures rest on
these. (That idle connections and decoders are closed in time is shown where they are tested.)"""

from __future__ import annotations

import inspect

from metaflow_anywhere.database.pool import KEPT_IDLE, Pool
from metaflow_anywhere.database.settings import DatabaseSettings
from metaflow_anywhere.postgres.cluster import SERVER_SETTINGS
from metaflow_anywhere.ui_backend.decoding import decoder, zygotes

POOLS = 2  # the service's and the UI backend's
FEEDS = 2  # what tells of changes, and what listens for them
MINUTE_SECONDS = 60.0
BACKEND_MB, DECODER_MB = 11, 20  # as measured
MOST_MB = 350  # beside the programs themselves, if every connection and decoder is at work at once


def default_pool() -> int:
    return DatabaseSettings.from_environment({}).pool_size


def test_what_load_can_add_is_bounded() -> None:
    buffers = SERVER_SETTINGS["shared_buffers"]
    assert buffers.endswith("MB")
    added = int(buffers[:-2]) + BACKEND_MB * (POOLS * default_pool() + FEEDS) + DECODER_MB * decoder.PROCESSES
    assert added <= MOST_MB
    # None of these is raised from PostgreSQL's small defaults: they count for each operation of each connection.
    assert not {"work_mem", "maintenance_work_mem", "temp_buffers", "autovacuum_max_workers"} & set(SERVER_SETTINGS)


def test_the_services_never_want_more_connections_than_are_kept_for_them() -> None:
    kept, most = int(SERVER_SETTINGS["reserved_connections"]), int(SERVER_SETTINGS["max_connections"])
    assert POOLS * default_pool() + FEEDS <= kept
    assert kept + int(SERVER_SETTINGS["superuser_reserved_connections"]) < most <= 60


def test_what_nobody_uses_is_closed_within_a_minute() -> None:
    assert inspect.signature(Pool).parameters["idle_seconds"].default <= MINUTE_SECONDS
    assert KEPT_IDLE == 1
    assert zygotes.IDLE_SECONDS <= MINUTE_SECONDS
