"""The command line: ``python -m metaflow_anywhere.ui_backend``."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Sequence

import uvloop

from metaflow_anywhere.database.settings import SettingsError
from metaflow_anywhere.http import Place
from metaflow_anywhere.http.quiet import quieten
from metaflow_anywhere.ui_backend.application import serve
from metaflow_anywhere.ui_backend.settings import UISettings, ornament_faults

DESCRIPTION = """\
Run the UI backend in the foreground until SIGTERM or Ctrl-C.

It waits for a database that is not there yet: until then, and while it is away, requests are answered with 503 and
Retry-After.
"""
ENVIRONMENT = """\
environment:
  MF_UI_METADATA_HOST, MF_UI_METADATA_PORT   where to listen, unless told by the options (127.0.0.1, 8083)
  MF_UI_METADATA_SOCKET            a Unix socket to listen on in the place of a port (none)
  PATH_PREFIX                      serve everything under this path (none)
  MF_ALLOWED_HOSTS                 the names, separated by blanks, that requests may be sent to (all)
  MF_BASEURL                       the beginning of links in answers, for a proxy that does not tell it (none)
  ORIGIN_TO_ALLOW_CORS_FROM        the origins, separated by blanks, whose pages' scripts may read answers (*)
  MF_METADATA_DB_*, PGPASSFILE     the database, as the metadata service is told it
  MF_METADATA_HOST, MF_METADATA_PORT   the metadata service, shown under /metadata (127.0.0.1, 8080)
  MF_METADATA_SOCKET               its Unix socket, in the place of those (none)
  METAFLOW_DATASTORE_SYSROOT_LOCAL the local datastore: the folder that holds .metaflow (the working directory)
  MF_CARD_FOLDERS                  further folders with a .metaflow/mf.cards, separated by colons (none)
  MF_DRIVE_PATIENCE                seconds that one operation on a mounted drive may take: then requests that need its
                                   files are answered with 503, and artifacts with the reason (20)
  MF_UI_CACHE_DIR, MF_UI_CACHE_MB  where decoded artifacts are kept, and how many MiB of them (temporary folder, 64)
  MAX_PROCESSABLE_S3_ARTIFACT_SIZE_KB  larger artifacts are not shown in tables (4)
  HEARTBEAT_THRESHOLD              seconds of silence after which a task is failed (60)
  RUN_INACTIVE_CUTOFF_TIME         seconds of silence after which a run is failed (360)
  OLD_RUN_FAILURE_CUTOFF_TIME      milliseconds after which a run without signs of life is old (86400000)
  WS_QUEUE_TTL_SECONDS             how far back a returning browser may ask for what it missed (300)
  UI_ENABLED, UI_FOLDER            0 for no web UI; the folder of a built one to serve (the one that is built in)
  METAFLOW_SERVICE, METAFLOW_METADATA_SERVICE   where browsers find this API and the metadata service: a URL, or a path
                                   (PATH_PREFIX; none)
  UI_EXT_URL                       the public URL, whose path a proxy takes away (none; X-Forwarded-Prefix says it too)
  MF_DEFAULT_TIME_FILTER_DAYS      how far back the list of runs looks at first (what the UI likes)
  MF_UI_FRAME_ANCESTORS            origins, separated by spaces, whose pages may show the UI in a frame (none)
  MF_UI_OPEN_CARDS                 1: cards share the page's origin, as other UIs' live cards need; their scripts may
                                   then do whatever the viewer may (0)
  FEATURE_*                        shown at /features
  CUSTOM_QUICKLINKS, NOTIFICATIONS JSON arrays, shown at /links and /notifications
  GA_TRACKING_ID                   shown at /config
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the UI backend; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m metaflow_anywhere.ui_backend",
        description=DESCRIPTION,
        epilog=ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    Place.add_options(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    quieten()
    try:
        settings = UISettings.from_environment(os.environ)
        listening = settings.place.at(options).listen()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    for fault in ornament_faults(os.environ):
        logging.getLogger(__name__).error("%s", fault)
    uvloop.run(serve(settings, listening))
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
