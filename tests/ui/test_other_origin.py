"""A page of another origin, or a card, reads nothing of the stack and changes nothing, whatever route it tries."""

from __future__ import annotations

import http.server
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Frame, Page

from metaflow_anywhere.http import AccessLog
from metaflow_anywhere.service.routes import ROUTES
from metaflow_anywhere.ui_backend.application import application
from metaflow_anywhere.ui_backend.settings import UISettings
from tests import browsing
from tests.browsing import tab
from tests.ui.conftest import World

EVIL = "evil.test"  # a name that leads to this machine, as a rebound one would
FLOW = "Attacked"
READS = ["/", "/api/stack", "/.anywhere/stack"]  # beside every route of the two programs
SOCKETS = ["/api/ws", "/ui_backend_service/ws", "/api/search/flows/Showcase/runs/{run}?key=x",
           "/api/flows/Showcase/runs/{run}/search?key=x"]  # fmt: skip
# Everything a page can do to a server, with what it could read of the answer; a simple request needs no permission.
ATTACK = """
async ({ base, reads, writes, sockets }) => {
  const got = [];
  const tried = (what, promise) => promise.then((found) => found && got.push(`${what}: ${found}`), () => undefined);
  const readable = async (answer) => (answer.type === "opaque" || answer.status === 0) ? "" : `${answer.status} ${await answer.text()}`.slice(0, 90);
  await Promise.all(reads.flatMap((path) => ["cors", "no-cors"].map((mode) =>
    tried(`read ${mode} ${path}`, fetch(base + path, { mode, credentials: "include" }).then(readable)))));
  for (const [method, path, body] of writes) {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json"])
      await tried(`${method} ${type} ${path}`, fetch(base + path, { method, body, headers: { "Content-Type": type } }).then(readable));
    await tried(`no-cors ${path}`, fetch(base + path, { method: "POST", mode: "no-cors", body }).then(readable));
    await tried(`beacon ${path}`, Promise.resolve(navigator.sendBeacon && navigator.sendBeacon(base + path, body) && ""));
    const form = Object.assign(document.createElement("form"), { method: "POST", enctype: "text/plain", action: base + path, target: "sink" });
    form.append(Object.assign(document.createElement("input"), { name: body.slice(0, -1) + ',"x":"', value: '"}' }));
    document.body.append(form);
    try { form.submit(); } catch { /* a sandbox without forms */ }
  }
  for (const path of sockets) await tried(`socket ${path}`, new Promise((done, failed) => {
    const socket = new WebSocket(base.replace("http", "ws") + path);
    socket.onopen = () => done("opened");
    socket.onerror = failed;
    setTimeout(failed, 20000);
  }));
  return got;
}
"""  # noqa: E501


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.browser(f"--host-resolver-rules=MAP {EVIL} 127.0.0.1") as one:
        yield one


class EvilPage(http.server.BaseHTTPRequestHandler):
    """A page of somebody else; ``/card`` holds a frame as closed as the one that cards are shown in."""

    def do_GET(self) -> None:
        frame = (
            '<iframe id="card" sandbox="allow-scripts" srcdoc="<p>card</p>"></iframe>' if "card" in self.path else ""
        )
        body = f'<!doctype html><title>evil</title><iframe name="sink"></iframe>{frame}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def evil_port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), EvilPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def reads(world: World) -> list[str]:
    """Every route that answers a GET, on a run that is there, as the proxy has it."""
    known = {**known_names(world), "flow": "Showcase", "name": "rate", "attempt": "0", "hash": "0", "file": "x"}
    routes = [f"/service{route.path}" for route in ROUTES if route.method == "GET"]
    ui = application(UISettings.from_environment({}), None, AccessLog(sys.stdout))  # type: ignore[arg-type]
    found = {route.resource.canonical for route in ui.router.routes() if route.resource and route.method == "GET"}
    routes += [f"{prefix}{path}" for path in sorted(found) for prefix in ("/api", "/ui_backend_service")]
    assert len(routes) > 80
    return READS + [re.sub(r"\{(\w+)\}", lambda match: known.get(match[1], "x"), route) for route in routes]


def known_names(world: World) -> dict[str, str]:
    return {"run": world.well, "step": "start", "task": str(world.task(world.well, "start")["task_id"])}


def writes(world: World) -> list[tuple[str, str, str]]:
    """Every route that changes something, on a run that is there: method, path, body."""
    known = known_names(world)
    bodies = {"tag/mutate": '{"tags_to_add": ["attacked"]}'}
    many = (
        '[{"field_name": "attacked", "value": "0", "type": "t", "user_name": "u", "name": "attacked", "location": "x",'
    )
    many += ' "ds_type": "local", "sha": "0", "content_type": "c", "attempt_id": 0}]'
    found = []
    for route in ROUTES:
        if route.method == "GET":
            continue
        flow = FLOW if route.path.endswith(("/flows/{flow}", "/run")) else "Showcase"
        path = re.sub(r"\{(\w+)\}", lambda match: known.get(match[1], flow), route.path)  # noqa: B023  # used at once
        ending = path.rsplit("/", 1)[-1]
        body = many if ending in ("metadata", "artifact") else bodies.get(path[-10:], '{"user_name": "attacked"}')
        found.append((route.method, f"/service{path}", body))
    assert len(found) >= 8
    return found


def state(world: World) -> dict[str, Any]:
    """What an attack would change."""
    task = world.task(world.well, "start")
    path = f"/flows/Showcase/runs/{world.well}"
    inside = f"{path}/steps/start/tasks/{task['task_id']}"
    places = [f"/flows/{FLOW}", "/flows", path, f"{path}/steps", f"{path}/steps/start/tasks", f"{inside}/metadata",
              f"{inside}/artifacts"]  # fmt: skip
    return {place: requests.get(f"{world.url}/service{place}", timeout=60).json() for place in places}


def attack(where: Page | Frame, world: World, base: str) -> list[str]:
    """What ``where`` could read, or open, of the stack at ``base``."""
    told = {
        "base": base,
        "reads": reads(world),
        "writes": [list(one) for one in writes(world)],
        "sockets": [path.format(run=world.well) for path in SOCKETS],
    }
    found: list[str] = where.evaluate(ATTACK, told)
    return found


def card_url(world: World) -> str:
    task = world.task(world.well, "choose")
    cards = f"{world.url}/api/flows/Showcase/runs/{world.well}/steps/choose/tasks/{task['task_id']}/cards"
    rows = requests.get(cards, timeout=60).json()["data"]
    return f"{cards}/{rows[0]['hash']}"


@pytest.mark.parametrize("place", ["another site", "another port", "another name of the stack", "a framed card",
                                   "a card alone"])  # fmt: skip
def test_another_origin_reads_and_changes_nothing(browser: Browser, world: World, evil_port: int, place: str) -> None:
    before = state(world)
    base = world.url
    with tab(browser) as one:
        where: Page | Frame = one.page
        if place == "another site":
            one.open(f"http://{EVIL}:{evil_port}/")
        elif place == "another port":
            one.open(f"http://127.0.0.1:{evil_port}/")
        elif place == "another name of the stack":
            base = f"http://{EVIL}:{world.place.port}"
            answer = one.page.goto(base)
            assert answer is not None
            assert answer.status == 421
        elif place == "a framed card":
            page = one.open(f"http://127.0.0.1:{evil_port}/card")
            frame = page.locator("#card").element_handle().content_frame()
            assert frame is not None
            assert frame.evaluate("window.origin") == "null"
            where = frame
        else:
            one.open(card_url(world))
            assert one.page.evaluate("window.origin") == "null"
        found = attack(where, world, base)
        one.page.wait_for_load_state("networkidle")
    refused = [
        line for line in found if place != "another name of the stack" or not re.search(r": (421|403|405) ", line)
    ]
    assert refused == []
    assert state(world) == before


def test_the_attack_would_be_noticed(browser: Browser, world: World) -> None:
    """The same script in the stack's own page reads, opens and writes."""
    with tab(browser) as one:
        one.open(f"{world.url}/")
        found = attack(one.page, world, world.url)
    assert any(line.startswith("read cors /api/flows: 200") for line in found)
    assert any(line.startswith("socket /api/ws: opened") for line in found)
    assert any("application/json /service" in line and ": 200" in line for line in found)
