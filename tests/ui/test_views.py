"""Every view, light and dark, on a desk and on a phone: what it shows, that nothing is wrong with it, a picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import Tab, shoot, tab
from tests.ui.conftest import World

SETTLING_MS = 200
MOST_SHIFT = 0.1  # where people begin to notice


@dataclass(frozen=True)
class View:
    """One view: where it is, what must be there, and which messages of the browser belong to it."""

    address: Callable[[World], str]
    shows: Callable[[Page, World], None]
    expected: str = r"(?!)"


def runs(page: Page, world: World) -> None:
    table = page.get_by_role("table", name="Runs")
    row = table.get_by_role("row").filter(has_text="kind:showcase").filter(has_text="best")
    expect(row).to_contain_text("Completed")
    expect(table.get_by_role("row").filter(has_text="Idle")).to_be_visible()


def grouped(page: Page, world: World) -> None:
    expect(page.get_by_role("rowheader").filter(has_text="Showcase")).to_be_visible()
    expect(page.get_by_role("rowheader").filter(has_text="Idle")).to_be_visible()


def filtered(page: Page, world: World) -> None:
    expect(page.get_by_role("button", name="Failed")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("table", name="Runs").get_by_role("row").filter(has_text="kind:showcase")).to_have_count(1)


def nothing_matches(page: Page, world: World) -> None:
    expect(page.get_by_text("No run matches these filters")).to_be_visible()


def heading(page: Page, run: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(run)


def timeline(page: Page, world: World) -> None:
    heading(page, world.well)
    tree = page.get_by_role("tree")
    for step in ("start", "prepare", "describe", "train", "choose", "gather", "end"):
        expect(tree.get_by_role("treeitem").filter(has_text=step).first).to_be_visible()
    expect(page.get_by_text("a first try")).to_be_visible()


def broken(page: Page, world: World) -> None:
    heading(page, world.broken)
    expect(page.get_by_role("tree").get_by_role("treeitem").filter(has_text="end").first).to_be_visible()


def graph(page: Page, world: World) -> None:
    steps = page.get_by_role("list", name="Steps").get_by_role("button")
    expect(steps).to_have_count(7)
    expect(steps.filter(has_text="train")).to_be_visible()


def tasks(page: Page, world: World) -> None:
    rows = page.get_by_role("table", name="Tasks").get_by_role("row")
    expect(rows.filter(has_text="train")).to_have_count(5)  # four seeds, one of them twice
    expect(rows.filter(has_text="train").filter(has_text="Failed")).to_have_count(1)


def compare(page: Page, world: World) -> None:
    table = page.get_by_role("region", name="Comparison")
    expect(table.get_by_role("row", name="title differs")).to_contain_text("a second try")
    expect(table.get_by_role("columnheader").filter(has_text=world.broken)).to_be_visible()
    expect(table.get_by_role("row").filter(has_text="gate")).to_contain_text("empty")


def task_log(page: Page, world: World) -> None:
    expect(page.get_by_text("ready to learn at 0.02")).to_be_visible()
    expect(page.get_by_text("a warning, nothing more")).to_be_visible()


def task_card(page: Page, world: World) -> None:
    card = page.frame_locator("iframe").first
    expect(card.get_by_text("The best score is 0.98")).to_be_visible()
    expect(card.get_by_role("cell", name="0.98").first).to_be_visible()


def failed_attempt(page: Page, world: World) -> None:
    expect(page.get_by_text("the second seed fails at first").first).to_be_visible()


def stack(page: Page, world: World) -> None:
    for program in ("database", "service", "ui", "proxy", "sync"):
        expect(page.get_by_role("region", name="Programs").get_by_text(program, exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile("saved", re.I)).first).to_be_visible()
    expect(page.get_by_text("METAFLOW_SERVICE_URL").first).to_be_visible()


def start(page: Page, world: World) -> None:
    expect(page.get_by_text("METAFLOW_SERVICE_URL").first).to_be_visible()


def no_run(page: Page, world: World) -> None:
    expect(page.get_by_text(re.compile("no such run", re.I)).first).to_be_visible()


def no_tasks(page: Page, world: World) -> None:
    expect(page.get_by_text("No tasks")).to_be_visible()  # not "yet": the run is not running
    assert "yet" not in page.locator("main").inner_text()


def view_of(run: str, view: str) -> Callable[[World], str]:
    return lambda world: f"/Showcase/{getattr(world, run)}/view/{view}"


def task_of(step: str, more: str = "") -> Callable[[World], str]:
    return lambda world: f"/Showcase/{world.well}/{step}/{world.task(world.well, step)['task_id']}{more}"


def failed_task(world: World) -> str:
    rows = world.data(f"/flows/Showcase/runs/{world.well}/steps/train/tasks?_limit=99")
    found = next(row for row in rows if row["status"] == "failed")
    return f"/Showcase/{world.well}/train/{found['task_id']}?attempt=0"


NOT_FOUND = r"status of 404"
FONT = r"fonts\.googleapis\.com"  # which Metaflow's own cards ask for, where there is a network
NO_PARAMETERS = r"status of (404|500).*/runs/\d+/(parameters|dag)"
VIEWS = {
    "runs": View(lambda world: "/", runs),
    "runs-grouped": View(lambda world: "/?_group=flow_id", grouped),
    "runs-failed": View(lambda world: "/?status=failed&flow_id=Showcase", filtered),
    "runs-nothing": View(lambda world: "/?flow_id=None", nothing_matches),
    "timeline": View(view_of("well", "timeline"), timeline),
    "timeline-broken": View(view_of("broken", "timeline"), broken),
    "graph": View(view_of("well", "dag"), graph),
    "tasks": View(view_of("well", "task"), tasks),
    "compare": View(lambda world: f"/Showcase/{world.well}/view/compare?with=Showcase/{world.broken}", compare),
    "task": View(task_of("start"), task_log),
    "task-card": View(task_of("choose", "#cards"), task_card, FONT),
    "task-failed": View(failed_task, failed_attempt),
    "stack": View(lambda world: "/-/stack", stack),
    "start": View(lambda world: "/-/start", start),
    "no-run": View(lambda world: "/Showcase/999999999", no_run, NOT_FOUND),
    "no-tasks": View(lambda world: f"/Idle/{world.empty}", no_tasks, NO_PARAMETERS),
    "no-tasks-in-table": View(lambda world: f"/Idle/{world.empty}/view/task", no_tasks, NO_PARAMETERS),
}


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
@pytest.mark.parametrize("name", VIEWS)
def test_a_view(browser: Browser, world: World, pictures: Path, name: str, phone: bool) -> None:
    """Loaded once: a wide one begins light, a phone dark, and each changes to the other theme while it is open."""
    view = VIEWS[name]
    with tab(browser, dark=phone, phone=phone) as one:
        page = one.open(world.url + view.address(world))
        view.shows(page, world)
        page.wait_for_timeout(SETTLING_MS)
        assert one.shift < MOST_SHIFT
        assert_fits(page)
        for dark in (phone, not phone):
            page.emulate_media(color_scheme="dark" if dark else "light")
            shoot(one, pictures, f"{name}-{'phone' if phone else 'wide'}-{'dark' if dark else 'light'}")
            assert one.grave_faults() == []
        assert_sound(one, view)


def assert_fits(page: Page) -> None:
    """Nothing is wider than the screen, so that nobody has to scroll sideways."""
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def assert_sound(one: Tab, view: View) -> None:
    assert [fault for fault in one.faults if not re.search(view.expected, fault)] == []
    assert one.refused() == []
