"""Whatever a flow, a tag, a log line or a card is called or says: it is shown as text, or contained in its frame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import Browser, Request, expect

from tests.browsing import Tab, tab
from tests.ui.conftest import World
from tests.ui.hostile import LINK, MARKUP, MISLEADING, NAMES, QUOTES, SCRIPT, TEMPLATE, hostile_run

CONTAINED = r"status of 40[34]|ERR_FAILED|(?i:blocked)|sandbox|CORS|Unsafe attempt|Ignored call"  # a card at its tricks
WAITING_MS = 400  # for what would happen a moment later


@pytest.fixture(scope="module")
def parts(world: World) -> dict[str, str]:
    return hostile_run(world)


@pytest.fixture
def watched(browser: Browser, world: World) -> Iterator[tuple[Tab, list[str]]]:
    """A tab, and every request that is none of the page's own."""
    strange: list[str] = []
    own = re.compile(rf"{re.escape(world.url)}/(assets/|api/|service/|icon\.svg|-/|$|\?|%3C)|data:|blob:|{world.url}$")

    def note(request: Request) -> None:
        if not own.match(request.url):
            strange.append(request.url)

    with tab(browser) as one:
        one.page.on("request", note)
        yield one, strange


def address(parts: dict[str, str], *names: str) -> str:
    return "/" + "/".join(quote(parts.get(name, name), safe="") for name in names)


def assert_harmless(watched: tuple[Tab, list[str]], expected: str = r"(?!)") -> None:
    one, strange = watched
    one.page.wait_for_timeout(WAITING_MS)
    assert one.page.evaluate("window.__hacked") is None
    assert one.page.locator("main img, main script, main b[onmouseover]").count() == 0
    assert one.page.locator("a[href^='javascript:']").count() == 0
    assert [fault for fault in one.faults if not re.search(expected, fault)] == []
    assert one.refused() == []
    assert strange == []


def test_in_the_list_of_runs(watched: tuple[Tab, list[str]], world: World, parts: dict[str, str]) -> None:
    page = watched[0].open(f"{world.url}/")
    table = page.get_by_role("table", name="Runs")
    for name in NAMES:
        expect(table.get_by_title(name, exact=True).first).to_be_visible()
    assert_harmless(watched)
    page.get_by_role("combobox", name="Search and filter runs").fill("<img")
    expect(page.get_by_role("option").filter(has_text=MARKUP).first).to_be_visible()
    assert_harmless(watched)


@pytest.mark.parametrize("view", ["timeline", "dag", "task", "compare"])
def test_in_the_views_of_a_run(watched: tuple[Tab, list[str]], world: World, parts: dict[str, str], view: str) -> None:
    others = f"?with={quote(QUOTES + '/1', safe='')}" if view == "compare" else "?details=open"
    page = watched[0].open(f"{world.url}{address(parts, 'flow', 'run', 'view')}/{view}{others}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(MARKUP)
    if view == "dag":
        expect(page.get_by_role("list", name="Steps").get_by_role("button").filter(has_text=MARKUP)).to_be_visible()
    if view == "compare":
        expect(page.get_by_role("region", name="Comparison")).to_be_visible()
    assert_harmless(watched, expected=r"status of 404")


def test_in_everything_of_a_task(watched: tuple[Tab, list[str]], world: World, parts: dict[str, str]) -> None:
    page = watched[0].open(f"{world.url}{address(parts, 'flow', 'run', 'step', 'task')}")
    log = page.get_by_role("region", name="Lines of stdout")
    for line in (MARKUP, SCRIPT, TEMPLATE, LINK):
        expect(log.get_by_text(line).first).to_be_visible()
    artifacts = page.get_by_role("region", name=re.compile("Artifacts"))
    metadata = page.get_by_role("region", name=re.compile("Metadata"))
    for name in (MARKUP, SCRIPT, QUOTES):
        expect(artifacts.get_by_text(name).first).to_be_visible()
        expect(metadata.get_by_text(name).first).to_be_visible()
    assert log.get_by_role("link").count() == 0
    assert_harmless(watched, expected=CONTAINED)


def test_a_card_reaches_nothing(browser: Browser, world: World, parts: dict[str, str]) -> None:
    flow, step = quote(MARKUP, safe=""), quote(MARKUP, safe="")
    cards = f"{world.url}/api/flows/{flow}/runs/{parts['run']}/steps/{step}/tasks/{parts['task']}/cards"
    (card,) = requests.get(cards, timeout=60).json()["data"]
    with tab(browser) as one:
        page = one.open(f"{world.url}{address(parts, 'flow', 'run', 'step', 'task')}")
        page.get_by_role("heading", name=re.compile("Cards")).scroll_into_view_if_needed()
        assert_reaches_nothing(page.frame_locator("iframe").first.locator("#said"))
        assert page.url.startswith(world.url)
        assert page.evaluate("window.__hacked") is None
        assert [fault for fault in one.faults if fault.startswith("dialog")] == []
    with tab(browser) as one:
        page = one.open(f"{cards}/{card['hash']}")
        said = page.locator("#said")
        expect(said).to_contain_text("reached: ")
        reached = (said.text_content() or "").removeprefix("reached: ").split(", ")
        assert set(reached) <= {"parent", "top"}  # alone, it is its own parent
    flows = requests.get(f"{world.url}/service/flows", timeout=60).json()
    assert "Made_by_a_card" not in {one["flow_id"] for one in flows}


def assert_reaches_nothing(said: object) -> None:
    expect(said).to_have_text("reached: nothing")  # type: ignore[call-overload]


def test_tags_are_edited_as_text(watched: tuple[Tab, list[str]], world: World, parts: dict[str, str]) -> None:
    page = watched[0].open(f"{world.url}{address(parts, 'flow', 'run')}")
    page.get_by_role("button", name="Edit tags").click()
    expect(page.get_by_role("button", name=f"Remove the tag {SCRIPT}")).to_be_visible()
    page.get_by_role("button", name=f"Remove the tag {MISLEADING}").click()
    expect(page.get_by_role("button", name=f"Remove the tag {MISLEADING}")).to_be_hidden()
    assert_harmless(watched)


@pytest.mark.parametrize("path", [SCRIPT, QUOTES, LINK, "%", "%00", "..%2f..", "<svg onload=window.__hacked=1>"])
def test_in_addresses_that_somebody_sends(
    watched: tuple[Tab, list[str]], world: World, parts: dict[str, str], path: str
) -> None:
    one = watched[0]
    one.open(f"{world.url}/{quote(path, safe='%')}/1?status={quote(path, safe='')}&_tags={quote(path, safe='')}#{path}")
    one.page.wait_for_timeout(WAITING_MS)
    assert one.page.evaluate("window.__hacked") is None
    assert one.refused() == []
    assert [fault for fault in one.faults if not re.search("status of [45]", fault)] == []


@pytest.mark.parametrize("flow", ["api", "service", "runs", "flows", "ping", "view", "assets"])
def test_a_flow_may_be_called_like_a_path_of_ours(browser: Browser, world: World, flow: str) -> None:
    requests.post(f"{world.url}/service/flows/{flow}", json={"user_name": "u"}, timeout=60)
    number = world.post(f"/flows/{flow}/run", {"user_name": "u", "tags": []})["run_number"]
    with tab(browser) as one:
        page = one.open(f"{world.url}/?flow_id={flow}")
        page.get_by_role("link", name=f"{flow} run {number}").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(str(number))
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_contain_text(str(number))
        expect(page.get_by_role("heading", level=1)).to_contain_text(flow)
