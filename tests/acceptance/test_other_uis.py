"""Steps of features/other_uis.feature."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect
from pytest_bdd import given, scenarios, then, when

from tests import browsing
from tests.acceptance.place import Place, free_port, new_place

scenarios("other_uis.feature")
BUILD = Path(__file__).with_name("other_ui")
RUNS = 5  # three pages of two
CARD = """<html><body><p id="said">first</p><script>
window.metaflow_card_update = (data) => { document.getElementById("said").textContent = data.text; };
</script></body></html>"""


class Server:
    """The other web UI on a server of its own, which tells it where the stack's API is."""

    def __init__(self, folder: Path, api: str) -> None:
        shutil.copytree(BUILD, folder)
        index = folder / "index.html"
        told = f'<script>window.METAFLOW_SERVICE = "{api}";</script>'
        index.write_text(index.read_text().replace("</title>", f"</title>{told}"))
        handler = functools.partial(Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        # Another site in the browser's eyes, where another port of 127.0.0.1 would be the same site.
        self.origin = f"http://localhost:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def stack(installation: Path) -> Iterator[Place]:
    """A stack of this module's, with a few runs, one of which has a card."""
    with new_place(installation) as place:
        welcome, stranger = (Server(place.folder / name, f"{place.url}/api") for name in ("welcome", "stranger"))
        place.notes.update(welcome=welcome.origin, stranger=stranger.origin)
        place.variables.update(MF_UI_FOLDER=str(BUILD), MF_UI_ORIGINS=welcome.origin, MF_UI_OPEN_CARDS="yes")
        up = place.ask("invoke", "up")
        assert up.status == 0, up.printed
        for _ in range(RUNS):
            run = new_run(place, "Other")
        task = make(place, f"flows/Other/runs/{run}/steps/start/step", f"flows/Other/runs/{run}/steps/start/task")
        cards = place.settings.datastore_dir / ".metaflow" / "mf.cards"
        folder = cards / "Other" / "runs" / str(run) / "steps" / "start" / "tasks" / str(task["task_id"]) / "cards"
        folder.mkdir(parents=True)
        (folder / "live-0123456789abcdef.html").write_text(CARD)
        place.notes["card"] = f"/flows/Other/runs/{run}/steps/start/tasks/{task['task_id']}/cards/0123456789abcdef"
        yield place
        welcome.stop()
        stranger.stop()


def make(place: Place, *paths: str) -> Any:
    """Create what each of ``paths`` names; the last document."""
    for path in paths:
        answer = requests.post(f"{place.url}/service/{path}", json={}, timeout=60)
        assert answer.status_code in (200, 409), answer.text
    return answer.json()


def new_run(place: Place, flow: str) -> int:
    return int(make(place, f"flows/{flow}", f"flows/{flow}/run")["run_number"])


@given("a stack that is told of another web UI's folder and of another one's origin", target_fixture="place")
def the_stack(stack: Place) -> Place:
    return stack


@when("I open the stack's page")
def open_the_stack(page: Page, place: Place) -> None:
    page.goto(f"{place.url}/")


@when("I open the other web UI at its own server")
def open_the_welcome_one(page: Page, place: Place) -> None:
    page.goto(place.notes["welcome"])


@when("I open the other web UI at a server that the stack was not told of")
def open_the_stranger(page: Page, place: Place) -> None:
    page.goto(place.notes["stranger"])


@then("the other web UI lists all runs, page by page")
def all_runs_are_listed(page: Page, place: Place) -> None:
    expect(page.locator("#heard")).to_have_text("listening")
    runs = requests.get(f"{place.url}/api/runs?_limit=100", timeout=60).json()["data"]
    expect(page.locator("#runs li")).to_have_text([f"{run['flow_id']}/{run['run_number']}" for run in runs])
    assert len(runs) >= RUNS


@then("its styles and its font are there")
def it_is_styled(page: Page) -> None:
    expect(page.locator("#runs")).to_have_css("color", "rgb(1, 2, 3)")
    assert page.evaluate("window.beganInline")
    assert page.evaluate("[...document.fonts].map((font) => font.family)") == ["Own"]


@then("it hears of a new run")
def it_hears(page: Page, place: Place) -> None:
    new_run(place, "Heard")
    expect(page.locator("#heard")).to_have_text("INSERT Heard")


@then("it shows a card in a frame")
def it_shows_a_card(page: Page, place: Place) -> None:
    page.evaluate("(path) => showCard(path)", place.notes["card"])
    expect(page.frame_locator("#card").locator("#said")).to_have_text("first")


@then("it hands new data to a live card in its frame")
def it_updates_a_card(page: Page, place: Place) -> None:
    it_shows_a_card(page, place)
    page.evaluate("updateCard({ text: 'second' })")
    expect(page.frame_locator("#card").locator("#said")).to_have_text("second")


@then("the browser refused nothing")
def nothing_was_refused(tab: browsing.Tab) -> None:
    assert tab.refused() == []
    stub = ("OTS parsing error", "decode downloaded font")  # the font is none: it was loaded, which is what counts
    assert [fault for fault in tab.faults if not any(one in fault for one in stub)] == []


@then("the other web UI cannot read the runs")
def it_cannot_read(page: Page) -> None:
    expect(page.locator("#fault")).to_contain_text("Failed to fetch")
    expect(page.locator("#runs li")).to_have_count(0)
