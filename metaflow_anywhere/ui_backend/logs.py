"""Logs over HTTP: pages of lines, and the whole as a download."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from aiohttp import web

from metaflow_anywhere.far.hand import beat
from metaflow_anywhere.modes import open_private
from metaflow_anywhere.ui_backend import log_lines
from metaflow_anywhere.ui_backend.asked import LARGEST_OFFSET, bounded
from metaflow_anywhere.ui_backend.datastore import Datastore, OutsideDatastore
from metaflow_anywhere.ui_backend.envelope import json_response, many
from metaflow_anywhere.ui_backend.far_reads import far, reading
from metaflow_anywhere.ui_backend.resources import POOL, TASK
from metaflow_anywhere.ui_backend.tables import IN_RUN, RUN, TASK_ID, address, read

DEFAULT_LIMIT, LARGEST_LIMIT = 1000, 10_000  # lines
SOURCES = ("runtime", "task")
NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9_.@+-]")
LARGEST_ATTEMPT = 32_767
COPY_BYTES = 128 << 10  # between two signs of life

# The ids as they are in paths, the newest attempt, and where a client from before 2.2.10 said that its log is.
THE_TASK = f"""
    WITH {RUN} SELECT json_build_array(coalesce(t.run_id, t.run_number::text), coalesce(task_name, task_id::text),
        coalesce((SELECT max(substring(value FROM '^[0-9]{{1,4}}$')::integer) FROM metadata_v3 AS m
            WHERE m.flow_id = t.flow_id AND m.run_number = t.run_number AND m.step_name = t.step_name
                AND m.task_id = t.task_id AND field_name = 'attempt'), 0),
        (SELECT json_agg(value ORDER BY id) FROM metadata_v3 AS m
            WHERE m.flow_id = t.flow_id AND m.run_number = t.run_number AND m.step_name = t.step_name
                AND m.task_id = t.task_id AND field_name = 'log_location_' || %(stream)s))::text
    FROM tasks_v3 AS t WHERE {IN_RUN} AND step_name = %(step)s AND task_id = {TASK_ID}
"""


@dataclass(frozen=True)
class Log:
    """One stream of one attempt: the names of the files that may hold it, oldest form last."""

    flow: str
    run: str
    step: str
    task: str
    attempt: int
    stream: str
    legacy: tuple[str, ...]
    exists: bool  # the attempt, as far as its metadata tell

    @property
    def folder(self) -> tuple[str, ...]:
        """The task's folder in the datastore."""
        return self.flow, self.run, self.step, self.task

    def names(self) -> Iterator[tuple[str, ...]]:
        """Where the files may be in the datastore."""
        for source in SOURCES:
            yield (*self.folder, f"{self.attempt}.{source}_{self.stream}.log")
        yield (*self.folder, f"{self.attempt}.{self.stream}.log")

    def file_name(self) -> str:
        """What a download is called; names may hold anything, and this is a part of a header."""
        whole = f"{self.stream}_{self.flow}_{self.run}_{self.step}_{self.task}-{self.attempt}.txt"
        return NOT_IN_FILE_NAMES.sub("_", whole)


def routes(datastore: Datastore) -> list[web.RouteDef]:
    """Both streams, as pages and as downloads."""
    found = []
    for path, stream in (("out", "stdout"), ("err", "stderr")):
        found.append(web.get(f"{TASK}/logs/{path}", _pages(datastore, stream)))
        found.append(web.get(f"{TASK}/logs/{path}/download", _download(datastore, stream)))
    return found


def _pages(datastore: Datastore, stream: str) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        log = await _find(request, stream)
        if log is None:
            return json_response({"data": []}, 404)
        number = bounded(request.query.get("_page"), 1, LARGEST_OFFSET // LARGEST_LIMIT)
        limit = bounded(request.query.get("_limit"), DEFAULT_LIMIT, LARGEST_LIMIT)
        order = request.query.get("_order", "")
        newest_first = order.lstrip("+- ") == "row" and not order.startswith(("+", " "))

        rows, pages, whole = await reading([datastore], _page, datastore, log, number, limit, newest_first)
        if not rows and not log.exists and not await reading([datastore], _is_there, datastore, log):
            return json_response({"data": []}, 404)
        return many(request, rows, page=number, limit=limit, last=pages, extra={"whole": whole})

    return answer


def _download(datastore: Datastore, stream: str) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.StreamResponse:
        log = await _find(request, stream)
        if log is None or not (log.exists or await reading([datastore], _is_there, datastore, log)):
            return json_response({"data": []}, 404)
        response = web.StreamResponse(headers={"Content-Disposition": f"Attachment;filename={log.file_name()}"})
        response.content_type = "application/octet-stream"
        with contextlib.ExitStack() as stack:
            if far([datastore]) is None:
                files = _open(datastore, log, stack)
            else:  # what is sent is read from a copy: the drive may hang at any moment
                copy = stack.enter_context(tempfile.NamedTemporaryFile())
                await reading([datastore], _copied, datastore, log, copy.name)
                files = [stack.enter_context(Path(copy.name).open("rb"))]
            parts = log_lines.text_parts(files)
            await response.prepare(request)
            while part := await asyncio.to_thread(next, parts, b""):
                await response.write(part)
        await response.write_eof()
        return response

    return answer


def _page(datastore: Datastore, log: Log, number: int, limit: int, newest_first: bool) -> tuple[list[bytes], int, bool]:
    whole = _is_whole(datastore, log)  # before it is read: then what is read is all of it
    beat()
    with contextlib.ExitStack() as stack:
        files = _open(datastore, log, stack)
        beat()
        rows, pages = log_lines.page(files, number=number, limit=limit, newest_first=newest_first)
    return rows, pages, whole


def _copied(datastore: Datastore, log: Log, target: str) -> None:
    with contextlib.ExitStack() as stack, open_private(Path(target), "wb") as copy:
        files = _open(datastore, log, stack)
        for file in files:
            while piece := file.read(COPY_BYTES):
                copy.write(piece)
                beat()


async def _find(request: web.Request, stream: str) -> Log | None:
    """The log that the request means; None if there is no such task."""
    parts = request.match_info
    found = await read(request.app[POOL], THE_TASK, {**address(parts), "stream": stream})
    if not found:
        return None
    run, task, newest, locations = json.loads(found[0])
    asked = request.query.get("attempt_id", "")
    attempt = min(int(asked[:6]), LARGEST_ATTEMPT) if asked.isascii() and asked.isdigit() else newest
    legacy = tuple(path for path in map(_legacy_path, locations or ()) if path and path[0] == attempt)
    paths = tuple(path for _, path in legacy)
    return Log(parts["flow"], run, parts["step"], task, attempt, stream, paths, exists=attempt <= newest)


def _is_there(datastore: Datastore, log: Log) -> bool:
    """Whether there is any file of the log: an attempt may have left one, and nothing else."""
    with contextlib.ExitStack() as stack:
        return bool(_open(datastore, log, stack))


def _legacy_path(value: str) -> tuple[int, str] | None:
    """Attempt and path of a ``log_location_*`` row."""
    try:
        found = json.loads(value)
        return int(found["attempt"]), str(found["location"])
    except (ValueError, LookupError, TypeError):
        return None


def _is_whole(datastore: Datastore, log: Log) -> bool:
    """Whether this log is known to be as long as it will be.

    Whatever starts a task's process hands over both streams once that has ended, after its artifacts and cards, an
    empty one too. Nobody else writes their files, and nobody writes them again.
    """
    for stream in ("stdout", "stderr"):
        try:
            datastore.open(*log.folder, f"{log.attempt}.runtime_{stream}.log").close()
        except (OSError, OutsideDatastore):
            return False
    return True


def _open(datastore: Datastore, log: Log, stack: contextlib.ExitStack) -> list[BinaryIO]:
    """The files of ``log`` that there are and that hold anything, closed with ``stack``."""
    names = list(log.names())
    for path in log.legacy:
        with contextlib.suppress(OutsideDatastore):
            names.append(datastore.below(path))
    files = []
    for one in dict.fromkeys(names):
        with contextlib.suppress(OSError, OutsideDatastore):
            file = stack.enter_context(datastore.open(*one))
            if file.read(1):
                file.seek(0)
                files.append(file)
    return files
