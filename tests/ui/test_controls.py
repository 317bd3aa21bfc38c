"""Every control of every page, in both themes and on screens of three widths, can be read, reached and used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import shoot, tab
from tests.ui.conftest import World

CHECK = Path(__file__).with_name("controls.js").read_text()
WIDTHS = (360, 768, 1440)
HEIGHT = 900
SETTLING_MS = 60


@dataclass(frozen=True)
class State:
    """A page, and what has been done on it."""

    address: Callable[[World], str]
    prepare: Callable[[Page], None]


def nothing(page: Page) -> None:
    pass


def shown(text: str) -> Callable[[Page], None]:
    return lambda page: expect(page.get_by_text(text).first).to_be_visible()


def chosen(page: Page) -> None:
    boxes = page.get_by_role("table", name="Runs").get_by_role("checkbox")
    expect(boxes.nth(1)).to_be_visible()
    for place in (0, 1):
        boxes.nth(place).check()
    expect(page.get_by_role("link", name="Compare 2 runs")).to_be_visible()


def searching(page: Page) -> None:
    page.get_by_role("combobox", name="Search and filter runs").fill("S")
    expect(page.get_by_role("option").first).to_be_visible()


def tags(page: Page) -> None:
    page.get_by_role("button", name="Edit tags").click()
    expect(page.get_by_role("textbox", name="New tag").or_(page.get_by_label("New tag"))).to_be_visible()


def in_log(page: Page) -> None:
    page.get_by_role("searchbox", name="Search in stdout").fill("ready")
    expect(page.get_by_role("button", name="Next match").first).to_be_visible()


def keys(page: Page) -> None:
    page.get_by_role("button", name="Show the keys").click()


def three(world: World) -> str:
    return f"/Showcase/{world.well}/view/compare?with=Showcase/{world.broken},Idle/{world.empty}"


def task(step: str) -> Callable[[World], str]:
    return lambda world: f"/Showcase/{world.well}/{step}/{world.task(world.well, step)['task_id']}"


def view(name: str) -> Callable[[World], str]:
    return lambda world: f"/Showcase/{world.well}/{name}"


STATES = {
    "runs": State(lambda world: "/", shown("Showcase")),
    "runs-grouped": State(lambda world: "/?_group=user&status=completed&_tags=best", shown("Showcase")),
    "runs-chosen": State(lambda world: "/", chosen),
    "runs-searching": State(lambda world: "/", searching),
    "runs-nothing": State(lambda world: "/?flow_id=None", shown("No run matches")),
    "timeline": State(view("view/timeline"), shown("train")),
    "run-details": State(view("view/timeline?details=open"), shown("Ran with")),
    "run-tags": State(view("view/timeline"), tags),
    "graph": State(view("view/dag"), shown("train")),
    "tasks": State(view("view/task"), lambda page: expect(page.get_by_role("table", name="Tasks")).to_be_visible()),
    "compare": State(three, shown("Durations")),
    "task": State(task("start"), shown("ready to learn")),
    "task-search": State(task("start"), in_log),
    "task-card": State(task("choose"), shown("Open alone")),
    "task-attempts": State(
        lambda world: "/Showcase/{run_number}/train/{task_id}?attempt=0".format(**failed(world)), shown("Attempt 1")
    ),
    "stack": State(lambda world: "/-/stack", shown("METAFLOW_SERVICE_URL")),
    "start": State(lambda world: "/-/start", shown("METAFLOW_SERVICE_URL")),
    "keys": State(lambda world: "/", keys),
    "no-run": State(lambda world: "/Showcase/999999999", shown("No such run")),
}


def failed(world: World) -> dict[str, str]:
    rows = world.data(f"/flows/Showcase/runs/{world.well}/steps/train/tasks?_limit=99")
    found: dict[str, str] = next(row for row in rows if row["status"] == "failed")
    return found


@pytest.mark.parametrize("name", STATES)
def test_controls_can_be_used(browser: Browser, world: World, pictures: Path, name: str) -> None:
    state = STATES[name]
    found = []
    with tab(browser) as one:
        page = one.open(world.url + state.address(world))
        state.prepare(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(SETTLING_MS)
                faults = [f"{width} px, {scheme}: {fault}" for fault in page.evaluate(CHECK)]
                if faults:
                    shoot(one, pictures, f"controls-{name}-{width}-{scheme}")
                found += faults
    assert not found, "\n".join(found)


def test_the_check_finds_what_it_is_for(browser: Browser, world: World) -> None:
    with tab(browser) as one:
        page = one.open(f"{world.url}/")
        expect(page.get_by_text("Showcase").first).to_be_visible()
        page.evaluate("""() => {
            const add = (html) => document.querySelector("main").insertAdjacentHTML("afterbegin", html);
            const style = (name, text) => Object.assign(document.getElementById(name).style, text);
            add('<button id="pale">pale</button><button id="cut">words that do not fit</button>'
                + '<button id="below">below</button><div id="above">x</div>');
            style("pale", { color: "#1a1d24", background: "#4455d6" });
            style("cut", { width: "40px", overflow: "hidden", whiteSpace: "nowrap" });
            const { left, top } = document.getElementById("below").getBoundingClientRect();
            style("above", { position: "absolute", left: `${left}px`, top: `${top}px`, width: "90px", height: "40px",
                zIndex: 99, background: "#fff" });
        }""")
        found = "\n".join(page.evaluate(CHECK))
        assert "contrast 2." in found and '"pale"' in found
        assert "cut text" in found and "words that do not fit" in found
        assert 'covered by div. "x"' in found and '"below"' in found
