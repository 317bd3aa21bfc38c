"""The questions by which each program is known to be ready: the ones its users ask, never whether a port is open."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere.edge import IDENTITY_PATH, PAGE_PREFIX, SERVICE_PREFIX, UI_PREFIX
from metaflow_anywhere.postgres import libpq
from metaflow_anywhere.stack import asking
from metaflow_anywhere.stack.stack import Stack
from metaflow_anywhere.state.standing import Standing, read_standing

ANSWER_SECONDS = 5.0
PAGE_SIGN = "METAFLOW_SERVICE"  # by which every page, ours or another web UI's, is told where the API is


class NoAnswer(Exception):
    """A program did not answer its question, because of the text."""


@dataclass(frozen=True)
class Answer:
    """What a program said, and in how many milliseconds."""

    text: str
    milliseconds: float


def ask(question: Callable[[Stack], str], stack: Stack) -> Answer:
    """Ask and time it; raises NoAnswer."""
    began = time.perf_counter()
    text = question(stack)
    return Answer(text, (time.perf_counter() - began) * 1000)


def ask_database(stack: Stack) -> str:
    """A query on the table of flows, as the role that the services use."""
    try:
        version = libpq.ask(stack.programs_of_postgres.folder, stack.conninfo(), "SELECT flow_id FROM flows_v3 LIMIT 1")
    except libpq.NoConnection as error:
        raise NoAnswer(_first_line(error)) from None
    return f"PostgreSQL {version // 10000}.{version % 10000}{_also(stack, 'database')}"


def ask_service(stack: Stack) -> str:
    """The metadata service's ping, and a query that it runs."""
    _ask(stack.service_socket, "/healthcheck", "UP")
    version = _ask(stack.service_socket, "/ping", "pong").headers.get("METADATA_SERVICE_VERSION", "?")
    return f"metadata service {version}{_also(stack, 'service')}"


def ask_ui(stack: Stack) -> str:
    """The UI backend's ping, its page, and a page of runs."""
    _ask(stack.ui_socket, "/ping", "pong")
    _ask(stack.ui_socket, f"{PAGE_PREFIX}/", PAGE_SIGN)
    _ask(stack.ui_socket, "/runs?_limit=1", '"data"')
    return f"UI backend{_also(stack, 'ui')}"


def ask_proxy(stack: Stack) -> str:
    """Each route through the proxy, and that the proxy is this stack's own."""
    if not _answers_as(stack):
        raise NoAnswer(f"another program answers on port {stack.settings.port}")
    _get(f"{stack.proxy_url}{SERVICE_PREFIX}/ping", "pong")
    _get(f"{stack.proxy_url}{UI_PREFIX}/ping", "pong")
    _get(f"{stack.proxy_url}/", PAGE_SIGN)
    return f"{stack.proxy_url}/"


def is_own_proxy(stack: Stack) -> bool:
    """Whether it is this stack's proxy that answers on its port."""
    try:
        return _answers_as(stack)
    except NoAnswer:
        return False


def _answers_as(stack: Stack) -> bool:
    identity = _get(stack.proxy_url + IDENTITY_PATH, "").text.strip()
    # A stack that has never been up has no name yet, and a question makes none.
    return stack.identity_file.exists() and identity == stack.identity


def ask_sync(stack: Stack) -> str:
    """Whether all that was committed up to a moment ago is in the mirror, and a base to start from."""
    standing = read_standing(stack.standing_file)
    if standing is None or not standing.alive:
        raise NoAnswer("the mirror says nothing")
    if not standing.well:
        why = standing.problem or standing.base_problem or "the first base is being taken"
        raise NoAnswer(f"{why} ({standing.state})")
    if why := files_problem(standing):
        raise NoAnswer(f"{why} (degraded)")
    return f"mirrored to {stack.drive.root}, {saved(standing)}"


def saved(standing: Standing) -> str:
    """When the last commit was saved, in words."""
    if standing.last_saved is None:
        return "nothing new to save so far" if standing.state == "current" else "nothing saved since it started"
    return f"saved {duration(max(0.0, time.time() - standing.last_saved))} ago"


def duration(seconds: float) -> str:
    """Two units are enough: 45 s, 3 min 20 s, 5 h, 12 d 4 h."""
    whole = int(seconds)
    for name, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {name} {rest} {smaller}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def files_problem(standing: Standing) -> str:
    """Why files that are written outside of root are not copied there; empty if they are."""
    found = standing.files or {}
    return f"{found['source']} is not copied to root: {found['problem']}" if found.get("problem") else ""


QUESTIONS: dict[str, Callable[[Stack], str]] = {
    "database": ask_database,
    "service": ask_service,
    "ui": ask_ui,
    "proxy": ask_proxy,
    "sync": ask_sync,
}


def _also(stack: Stack, program: str) -> str:
    """The port that ``program`` has besides its socket, in words."""
    exposed = stack.exposed(program)
    return f", also on {exposed}" if exposed else ""


def _ask(socket: Path, path: str, expected: str) -> asking.Answer:
    """A question to a program on its socket. Raises NoAnswer."""
    return _answer(lambda: asking.get(socket, path, ANSWER_SECONDS), path, f"nobody listens on {socket}", expected)


def _get(url: str, expected: str) -> asking.Answer:
    """A question to the proxy. Raises NoAnswer."""
    return _answer(lambda: asking.get_url(url, ANSWER_SECONDS), url, "nobody listens", expected)


def _answer(get: Callable[[], asking.Answer], what: str, nobody: str, expected: str) -> asking.Answer:
    try:
        answer = get()
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoAnswer(f"{what}: {nobody}") from None
    except TimeoutError:
        raise NoAnswer(f"{what}: no answer in time") from None
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{what}: the connection broke ({type(error).__name__})") from None
    if answer.status != 200 or expected not in answer.text:
        raise NoAnswer(f"{what}: status {answer.status}, {answer.text.strip()[:80]!r}")
    return answer


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
