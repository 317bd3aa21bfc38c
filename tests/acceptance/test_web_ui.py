"""Steps of features/web_ui.feature."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect
from pytest_bdd import given, parsers, scenarios, then, when

from metaflow_anywhere.stack import Stack
from tests import browsing
from tests.acceptance.place import Place, eventually

scenarios("web_ui.feature")
RUN_SECONDS = 120


@given("a run of the flow showcase", target_fixture="run")
def a_run_of_showcase(place: Place) -> str:
    if "showcase" not in place.notes:
        place.notes["showcase"] = start_showcase(place, "once", "--tag", "draft")
    process, file = place.notes["showcase"]
    process.communicate(timeout=RUN_SECONDS)
    assert process.returncode == 0
    return str(file.read_text().strip())


def start_showcase(place: Place, name: str, *options: str) -> tuple[subprocess.Popen[str], Any]:
    file = place.work / f"{name}.id"
    return place.start(*place.flow("showcase", "run", "--run-id-file", str(file), *options)), file


# ---- going about


@when("I open the list of runs")
def open_runs(page: Page, place: Place) -> None:
    page.goto(f"{place.url}/", wait_until="domcontentloaded")


@when("I open that run")
def open_run(page: Page, place: Place, run: str) -> None:
    if page.url.startswith(place.url):
        page.get_by_role("link", name=f"Showcase run {run}").click()
    else:
        page.goto(f"{place.url}/Showcase/{run}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(run)


@when("I look at the tasks of the run")
def look_at_tasks(page: Page) -> None:
    page.get_by_role("navigation", name="Views of the run").get_by_role("link", name="DAG").click()


@when(parsers.parse("I open the task of its step {step}"))
def open_task(page: Page, place: Place, run: str, step: str) -> None:
    page.goto(f"{place.url}/Showcase/{run}/view/task?step={step}")
    page.get_by_role("table", name="Tasks").get_by_role("link").first.click()
    expect(page.get_by_role("article", name=f"Task {step}/")).to_be_visible()


@when("I open the page of the stack")
def open_stack(page: Page, place: Place) -> None:
    page.goto(f"{place.url}/")
    page.get_by_role("link", name="Stack").click()


# ---- a flow that runs meanwhile


@when("I start the flow showcase, which waits in the middle", target_fixture="run")
def start_waiting(place: Place, page: Page, request: pytest.FixtureRequest) -> str:
    page.evaluate("window.__same = true")
    place.notes["gate"] = gate = place.work / "gate"
    place.notes["waiting"] = start_showcase(place, "waiting", "--gate", str(gate), "--max-workers", "2")
    request.addfinalizer(gate.touch)
    file = place.notes["waiting"][1]
    eventually(lambda: file.exists() and file.read_text().strip(), "the flow has started")
    return str(file.read_text().strip())


@then(parsers.parse("the list shows a running run of Showcase within {seconds:d} seconds"))
def list_shows_running(page: Page, run: str, seconds: int) -> None:
    link = page.get_by_role("link", name=f"Showcase run {run}", exact=True)
    row = page.get_by_role("table", name="Runs").get_by_role("row").filter(has=link)
    expect(row).to_contain_text("Running", timeout=seconds * 1000)


@then("its timeline shows the steps start and describe")
def timeline_shows_first(page: Page) -> None:
    for step in ("start", "describe"):
        expect(page.get_by_role("treeitem", name=re.compile(rf"\b{step}\b")).first).to_be_visible(timeout=30_000)


@when("the flow is let go")
def let_go(place: Place) -> None:
    place.notes["gate"].touch()


@then(parsers.parse("its timeline shows the step end within {seconds:d} seconds"))
def timeline_shows_end(page: Page, seconds: int) -> None:
    expect(page.get_by_role("treeitem", name=re.compile(r"\bend\b")).first).to_be_visible(timeout=seconds * 1000)


@then("the page says that the run is completed")
def run_is_completed(page: Page, place: Place) -> None:
    expect(page.get_by_role("definition").filter(has_text="Completed")).to_be_visible(timeout=30_000)
    place.notes["waiting"][0].communicate(timeout=RUN_SECONDS)


@then("nothing was loaded anew")
def nothing_loaded_anew(tab: browsing.Tab) -> None:
    assert tab.page.evaluate("window.__same")
    tab.assert_sound()


# ---- outages


@given("the UI backend is stopped")
@when("the UI backend is stopped")
def stop_backend(place: Place, request: pytest.FixtureRequest) -> None:
    supervisor = Stack(place.settings).supervisor
    request.addfinalizer(lambda: supervisor.start("ui"))
    supervisor.stop("ui")


@when("the UI backend is started again")
def start_backend(place: Place) -> None:
    Stack(place.settings).supervisor.start("ui")


@then("the page says that the backend does not answer")
def outage_is_told(page: Page) -> None:
    expect(page.get_by_text(re.compile("trying again", re.I))).to_be_visible(timeout=40_000)


@then("the page shows the run again, without the notice")
def outage_is_over(page: Page) -> None:
    expect(page.get_by_text(re.compile("trying again", re.I))).to_be_hidden(timeout=40_000)
    expect(page.get_by_role("list", name="Steps").get_by_role("button").filter(has_text="train")).to_be_visible(
        timeout=40_000
    )


@then(parsers.parse('I see a page that says "{text}"'))
def see_text(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", name=re.compile(text))).to_be_visible()


@then("I see the list of runs")
def see_runs(page: Page) -> None:
    expect(page.get_by_role("link", name="Metaflow, all runs")).to_be_visible(timeout=30_000)


# ---- addresses


@when(parsers.parse('I filter by the flow "{flow}" and show failed runs only'))
def filter_runs(page: Page, flow: str) -> None:
    box = page.get_by_role("combobox", name="Search and filter runs")
    box.fill(flow)
    page.get_by_role("option").filter(has_text=flow).first.click()
    page.get_by_role("button", name="Failed").click()


@when("I open the address that I see in another browser", target_fixture="other")
def open_elsewhere(chromium: Browser, page: Page, request: pytest.FixtureRequest) -> Page:
    expect(page).to_have_url(re.compile("status=failed"))
    context = chromium.new_context()
    request.addfinalizer(context.close)
    other = context.new_page()
    other.goto(page.url)
    return other


@then("the other browser shows the same list")
def same_list(page: Page, other: Page) -> None:
    for one in (page, other):
        expect(one.get_by_role("button", name="Failed")).to_have_attribute("aria-pressed", "true")
        expect(one.get_by_role("button", name=re.compile("Remove the filter .*Showcase"))).to_be_visible()


# ---- tags


@when(parsers.parse('I add the tag "{new}" and remove the tag "{old}"'))
def edit_tags(page: Page, new: str, old: str) -> None:
    page.get_by_role("button", name=re.compile("(Edit|Add) tags")).click()
    page.get_by_label("New tag").fill(new)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("button", name=f"Remove the tag {new}")).to_be_visible()
    page.get_by_role("button", name=f"Remove the tag {old}").click()
    expect(page.get_by_role("button", name=f"Remove the tag {old}")).to_be_hidden()


@then(parsers.parse('the Client API says that the run has the tag "{new}" and not "{old}"'))
def client_says_tags(place: Place, run: str, new: str, old: str) -> None:
    tags = place.client(f"answer = sorted(Run('Showcase/{run}').tags)")
    assert new in tags
    assert old not in tags


# ---- a task


@then(parsers.parse('I see its card, which says "{text}"'))
def see_card(page: Page, text: str) -> None:
    expect(page.frame_locator("iframe").first.get_by_text(text).first).to_be_visible()


@then(parsers.parse("I see its artifact {name} with the value {value}"))
def see_artifact(page: Page, name: str, value: str) -> None:
    row = page.get_by_role("region", name="Artifacts").get_by_role("row").filter(has=page.get_by_text(name, exact=True))
    expect(row).to_contain_text(value)


@then(parsers.parse('I see its log, which says "{text}"'))
def see_log(page: Page, text: str) -> None:
    expect(page.get_by_text(text)).to_be_visible()


@when("I open the task that failed at first")
def open_retried(page: Page, place: Place, run: str) -> None:
    rows = requests.get(f"{place.url}/api/flows/Showcase/runs/{run}/steps/train/tasks?_limit=99", timeout=60).json()[
        "data"
    ]
    task = next(row["task_id"] for row in rows if row["status"] == "failed")
    page.goto(f"{place.url}/Showcase/{run}/train/{task}")


@then("I can choose between its two attempts")
def choose_attempt(page: Page) -> None:
    attempts = page.get_by_role("navigation", name="Attempts").get_by_role("link")
    expect(attempts).to_have_count(2)
    attempts.first.click()


@then(parsers.parse('the log of the first says "{text}"'))
def log_of_first(page: Page, text: str) -> None:
    expect(page.get_by_text(text).first).to_be_visible()


# ---- the stack


@then("it lists every program as up")
def every_program_is_up(page: Page) -> None:
    programs = page.get_by_role("region", name="Programs")
    for name in ("database", "service", "ui", "proxy", "sync"):
        row = programs.get_by_role("listitem").filter(has=page.get_by_text(name, exact=True))
        expect(row).to_contain_text("up")


@then("it says when the last change was saved")
def saved_when(page: Page) -> None:
    expect(page.get_by_text(re.compile(r"saved .*ago|saved just now|saved now", re.I)).first).to_be_visible()


@then("it shows the last lines of the log of the metadata service")
def log_of_service(page: Page) -> None:
    page.get_by_role("button", name="Log of service").click()
    expect(page.get_by_label("Last lines of service")).to_contain_text(re.compile(r"GET|POST|listening"))
