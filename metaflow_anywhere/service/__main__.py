"""The command line: ``python -m metaflow_anywhere.service``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Sequence

import uvloop
from aiohttp import web

from metaflow_anywhere.database.feed import PUBLISHES
from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.database.publisher import Publisher
from metaflow_anywhere.database.settings import SettingsError
from metaflow_anywhere.http import AccessLog, Door, Place, serve_until_stopped
from metaflow_anywhere.http.quiet import quieten
from metaflow_anywhere.service.router import Router
from metaflow_anywhere.service.routes import ROUTES
from metaflow_anywhere.service.server import Server
from metaflow_anywhere.service.settings import ServiceSettings

DESCRIPTION = """\
Run the Metaflow metadata service in the foreground until SIGTERM or Ctrl-C.

It waits for a database that is not there yet: until then, and while it is away, requests are answered with 503 and
Retry-After.
"""
ENVIRONMENT = """\
environment:
  MF_METADATA_HOST, MF_METADATA_PORT   where to listen, unless told by the options (127.0.0.1, 8080)
  MF_METADATA_SOCKET                   a Unix socket to listen on in the place of a port (none)
  PATH_PREFIX                          serve everything under this path (none)
  MF_ALLOWED_HOSTS                     the names, separated by blanks, that requests may be sent to (all)
  MF_ALLOWED_ORIGINS                   the origins, separated by blanks, whose pages may ask beside its own (none)
  MF_METADATA_DB_HOST                  the database's host, or the directory of its Unix socket (localhost)
  MF_METADATA_DB_PORT, _USER, _NAME    (5432, postgres, postgres)
  MF_METADATA_DB_PSWD                  without it, the file that PGPASSFILE names is asked
  MF_METADATA_DB_DSN                   a libpq connection string in the place of all these
  MF_METADATA_DB_SSL_MODE, _SSL_CERT_PATH, _SSL_KEY_PATH, _SSL_ROOT_CERT_PATH
  MF_METADATA_DB_POOL_MAX              connections to the database (10)
  MF_METADATA_DB_TIMEOUT               seconds a statement may take (60)
  HEARTBEAT_THRESHOLD                  seconds of silence after which a task is failed, for the filter on status (60)
  RUN_INACTIVE_CUTOFF_TIME             seconds of silence after which a run is failed, for the same (360)
  OLD_RUN_FAILURE_CUTOFF_TIME          milliseconds after which a run without signs of life is old (86400000)
"""
STOP_SECONDS = 0.3  # what is under way at SIGTERM may take this long to finish; aiohttp waits twice


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m metaflow_anywhere.service",
        description=DESCRIPTION,
        epilog=ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    Place.add_options(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    quieten()
    try:
        settings = ServiceSettings.from_environment(os.environ)
        listening = settings.place.at(options).listen()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    uvloop.run(serve(settings, listening))
    return 0


async def serve(settings: ServiceSettings, listening: Sequence[socket.socket]) -> None:
    """Answer on all of ``listening`` until SIGTERM or SIGINT."""
    database = settings.database
    pool = Pool(
        database.conninfo,
        size=database.pool_size,
        wait_seconds=database.wait_seconds,
        statement_seconds=database.statement_seconds,
        options=PUBLISHES,
    )
    publisher = Publisher(database.conninfo)
    publishing = asyncio.create_task(publisher.run())
    access_log = AccessLog(sys.stdout)
    server = Server(
        Router(ROUTES, settings.place.prefix),
        pool,
        publisher,
        access_log,
        settings.cutoffs,
        Door(settings.place.hosts, settings.origins),
    )
    runner = web.ServerRunner(server.aiohttp_server(), shutdown_timeout=STOP_SECONDS)
    await serve_until_stopped(runner, listening, settings.place.prefix)
    await publisher.close()
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    await pool.close()
    access_log.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
