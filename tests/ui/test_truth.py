"""What pages say of values, steps and origins is what is so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, WebSocketRoute, expect

from tests.browsing import Tab, tab
from tests.ui.conftest import World
from tests.ui.made import MadeRun, made_run

LATER_MS = 100
# Notes every title that the page ever has.
TITLES = """
window.__titles = [];
const { set, get } = Object.getOwnPropertyDescriptor(Document.prototype, "title");
Object.defineProperty(document, "title", {
  get() { return get.call(document); },
  set(title) { window.__titles.push(title); set.call(document, title); },
});
"""


def graph(steps: dict[str, tuple[str, list[str]]], parameters: tuple[str, ...] = ()) -> dict[str, Any]:
    """A flow's graph, from the kind of each step and what may follow it."""
    return {
        "file": "made.py", "start_step": next(iter(steps)), "end_step": list(steps)[-1],
        "parameters": [{"name": name, "type": "Parameter"} for name in parameters], "doc": "",
        "steps": {name: {"name": name, "type": kind, "next": following} for name, (kind, following) in steps.items()},
        "graph_structure": list(steps),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second"),
    [(1234567890123456789, 1234567890123456788), (2**53 + 1, 2**53), (-(10**30), -(10**30) + 1)],
)
def test_numbers_that_differ_are_shown_in_full_and_as_different(
    browser: Browser, world: World, first: int, second: int
) -> None:
    runs = [made_run(world, "Exact") for _ in range(2)]
    for run, number in zip(runs, (first, second), strict=True):
        run.task("_parameters").has(
            {"account": number, "rate": 1.0, "flag": False, "maybe": None, "spec": {"id": number}}
        )
    with tab(browser) as one:
        page = one.open(f"{world.url}/Exact/{runs[0].number}?details=open")
        details = page.get_by_role("region", name="Parameters")
        for text in (str(first), "1.0", "False", "None", f'"id": {first}'):
            expect(details.get_by_text(text, exact=text.isalnum()).first).to_be_visible()
        page = one.open(f"{world.url}/Exact/{runs[0].number}/view/compare?with=Exact/{runs[1].number}&only=differences")
        row = page.get_by_role("row", name="account differs")
        expect(row).to_contain_text(str(first))
        expect(row).to_contain_text(str(second))


@pytest.mark.parametrize("name", ["a,b", "Doe, Jane", "C:\\x,\\", ","])
def test_links_of_names_with_commas_find_their_runs(browser: Browser, world: World, name: str) -> None:
    run = made_run(world, "Commas", user=name, tags=(name, "plain"))
    with tab(browser) as one:
        page = one.open(f"{world.url}/Commas/{run.number}")
        for link in (name, name):
            links = page.get_by_role("link", name=link, exact=True)
            link_to = links.first if link == name else links.last
            link_to.click()
            row = page.get_by_role("table", name="Runs").get_by_role("link", name=f"Commas run {run.number}")
            expect(row).to_be_visible()
            expect(page.locator(".chip-value")).to_have_text([name])
            page.go_back()
            expect(page.get_by_role("heading", level=1)).to_contain_text(str(run.number))


def test_only_the_edges_that_a_switch_has_taken_are_drawn_so(browser: Browser, world: World) -> None:
    run = made_run(world, "Switch")
    steps = {
        "begin": ("split-switch", ["train", "tiny", "wrap"]), "train": ("split-switch", ["train", "wrap"]),
        "tiny": ("linear", ["wrap"]), "wrap": ("linear", ["end"]), "end": ("end", []),
    }  # fmt: skip
    run.task("_parameters").has({"_graph_info": graph(steps)})
    run.task("begin").has({"_transition": (["train"], None)})
    run.task("train").has({"_transition": (["train"], None)})
    with tab(browser) as one:
        page = one.open(f"{world.url}/Switch/{run.number}/view/dag")
        expect(page.locator(".graph-lines g.is-taken")).to_have_count(2)
        with page.expect_response(lambda answer: "_transition" in answer.url):
            last = run.task("train")
        last.has({"_transition": (["wrap"], None)})  # after the first word of its end, as clients do
        run.task("wrap").has({"_transition": (["end"], None)})
        cards = page.get_by_role("list", name="Steps").get_by_role("button")
        expect(cards.filter(has_text="tiny")).to_contain_text("not started")
        # begin to train, train to itself, train to wrap; not begin to wrap, though both have tasks
        expect(page.locator(".graph-lines g.is-taken")).to_have_count(3)
        run.task("end")
        expect(cards.filter(has_text="tiny")).to_contain_text("skipped")
        expect(page.locator(".graph-lines g.is-taken")).to_have_count(4)


def test_what_was_watched_to_its_end_is_what_a_reload_shows(browser: Browser, world: World) -> None:
    """What an attempt says after the first word of its end is told by no event."""
    run = made_run(world, "Ending")
    task = run.task("start", ended=False)
    with tab(browser) as watching, tab(browser) as fresh:
        page = watching.open(f"{world.url}/Ending/{run.number}/view/task")
        row = page.get_by_role("table", name="Tasks").locator(".task-row").filter(has_text="start")
        expect(row).to_contain_text("Running")
        with page.expect_response(lambda answer: f"task_id={task.id}" in answer.url):  # it asks how long it took
            task.says(attempt_ok="True")
        expect(row).to_contain_text("Completed")
        task.says(**{"attempt-done": "0"})
        run.task("end")
        expect(page.locator(".facts")).to_contain_text("Completed")
        reloaded = fresh.open(f"{world.url}/Ending/{run.number}/view/task")
        truth = reloaded.get_by_role("table", name="Tasks").locator(".task-row").filter(has_text="start")
        expect(truth).to_contain_text("Completed")
        attempt = world.data(f"/flows/Ending/runs/{run.number}/steps/start/tasks/{task.id}")
        assert attempt["duration"] > LATER_MS, "what came after the first word counts"
        expect(row).to_have_text(truth.inner_text(), use_inner_text=True)


def deaf(one: Tab, loses: Callable[[dict[str, Any]], bool]) -> None:
    """The tab never hears the events that ``loses`` picks, as behind a backend that loses them."""

    def between(page: WebSocketRoute) -> None:
        backend = page.connect_to_server()

        def hear(message: str | bytes) -> None:
            if not (str(message).startswith("{") and loses(json.loads(message))):
                page.send(message)

        backend.on_message(hear)

    one.context.route_web_socket(re.compile("/ws$"), between)
    one.open("about:blank")  # routes hold for pages that are opened after them


@pytest.mark.parametrize("lost", ["its end", "all of it", "all tasks"])
def test_a_task_of_which_events_were_lost_is_right_once_its_run_has_ended(
    browser: Browser, world: World, lost: str
) -> None:
    run = made_run(world, "Lossy")
    first = run.task("start", ended=False)
    unheard: list[int] = []

    def loses(event: dict[str, Any]) -> bool:
        task = event.get("data", {}).get("task_id")
        return task in unheard or (lost == "all tasks" and task is not None)

    with tab(browser) as one:
        deaf(one, loses)
        page = one.open(f"{world.url}/Lossy/{run.number}/view/task")

        def row(task: int) -> Locator:
            return page.locator(f'.task-row[data-key="{task}/0"]')

        expect(row(first.id)).to_contain_text("Running")
        page.evaluate("window.__same = true")
        if lost == "its end":
            unheard.append(first.id)
        first.says(attempt_ok="True")
        if lost == "all of it":
            second = run.registered("work")
            unheard.append(second.id)
            second.says(attempt="0", attempt_ok="True")
        if lost != "all of it":
            expect(row(first.id)).to_contain_text("Running")
        last = run.task("end")
        expect(page.locator(".facts")).to_contain_text("Completed")
        for id in (first.id, last.id, *unheard):
            expect(row(id)).to_contain_text("Completed")
        expect(page.get_by_role("tab").or_(page.get_by_role("link")).filter(has_text="Tasks")).to_contain_text(
            str(3 if lost == "all of it" else 2)
        )
        assert page.evaluate("window.__same"), "nothing was loaded anew"


def test_a_task_that_has_not_begun_is_not_said_to_run(browser: Browser, world: World) -> None:
    run = made_run(world, "Waits")
    task = run.registered("start")
    with tab(browser) as one:
        page = one.open(world.url + task.page)
        facts = page.locator(".task-facts")
        expect(facts).to_contain_text("Pending")
        expect(facts).to_contain_text("Registered")
        assert "Started" not in facts.inner_text()
        task.says(attempt="0")
        expect(facts).to_contain_text("Running")
        expect(facts).to_contain_text("Started")


@pytest.mark.parametrize(
    ("stack", "shown"),
    [
        ('{"cities=Rio, Brazil"}', "cities=Rio, Brazil"),
        ("{countries=de,years=2020}", "countries=de, years=2020"),
        ('{"words=say \\"hi\\"","paths=C:\\\\x"}', 'words=say "hi", paths=C:\\x'),
    ],
)
def test_foreach_values_are_shown_as_they_are(browser: Browser, world: World, stack: str, shown: str) -> None:
    run = made_run(world, "Values")
    run.task("work").says(**{"foreach-stack": stack})
    run.task("work")
    with tab(browser) as one:
        page = one.open(f"{world.url}/Values/{run.number}/view/task")
        expect(page.get_by_role("row").filter(has_text=shown)).to_be_visible()


def test_a_resumed_run_and_its_clones_lead_to_where_they_come_from(browser: Browser, world: World) -> None:
    first, second = made_run(world, "Again"), made_run(world, "Again")
    origin, clone = first.task("start"), second.task("start")
    clone.says(**{"origin-run-id": str(first.number), "origin-task-id": str(origin.id)})
    with tab(browser) as one:
        page = one.open(f"{world.url}/Again/{second.number}")
        facts = page.locator(".facts")
        expect(facts).to_contain_text("Resumed from")
        expect(facts.get_by_role("link", name=str(first.number), exact=True)).to_have_attribute(
            "href", re.compile(rf"/Again/{first.number}$")
        )
        page = one.open(world.url + clone.page)
        link = page.locator(".task-facts").get_by_role("link", name=f"{first.number}/start/{origin.id}")
        expect(page.locator(".task-facts")).to_contain_text("Cloned from")
        expect(page.get_by_text("This task was cloned: what it wrote to stdout")).to_be_visible()
        assert "Nothing was written" not in page.inner_text("body")
        link.click()
        expect(page).to_have_url(world.url + origin.page)


def test_a_resume_of_a_resume_leads_back_step_by_step(browser: Browser, world: World) -> None:
    runs = [made_run(world, "Twice") for _ in range(3)]
    tasks = [run.task("größe") for run in runs]
    for run, task, clone in zip(runs, tasks, tasks[1:], strict=False):
        clone.says(**{"origin-run-id": str(run.number), "origin-task-id": str(task.id)})
    with tab(browser) as one:
        page = one.open(f"{world.url}/Twice/{runs[2].number}")
        for origin in (runs[1], runs[0]):
            facts = page.locator(".facts")
            expect(facts).to_contain_text(f"Resumed from\n{origin.number}", use_inner_text=True)
            facts.get_by_role("link", name=str(origin.number), exact=True).click()
            expect(page.get_by_role("heading", level=1)).to_contain_text(str(origin.number))
        assert "Resumed" not in page.locator(".facts").inner_text()
        one.open(world.url + tasks[2].page)
        for run, task in ((runs[1], tasks[1]), (runs[0], tasks[0])):
            page.locator(".task-facts").get_by_role("link", name=f"{run.number}/größe/{task.id}").click()
            expect(page).to_have_url(world.url + task.page)
        expect(page.get_by_role("article", name=f"Task größe/{tasks[0].id}")).to_be_visible()
        assert "Cloned" not in page.locator(".task-facts").inner_text()


@pytest.mark.parametrize("names", [("name",), ("script_name",), ("name", "script_name", "rate"), ("rate",)])
def test_parameters_of_any_name_are_shown_and_what_metaflow_keeps_beside_them_is_not(
    world: World, names: tuple[str, ...]
) -> None:
    run = made_run(world, "Named")
    values = {name: f"{name}'s value" for name in ("name", "script_name", *names)}
    run.task("_parameters").has({**values, "_graph_info": graph({"start": ("end", [])}, names)})
    found = world.data(f"/flows/Named/runs/{run.number}/parameters")
    assert found == {name: {"value": values[name]} for name in names}


def test_a_run_that_is_being_resumed_says_so_though_its_tasks_tell_late(browser: Browser, world: World) -> None:
    first, second = made_run(world, "Resuming"), made_run(world, "Resuming")
    with tab(browser) as one:
        page = one.open(f"{world.url}/Resuming/{second.number}")
        with page.expect_response(lambda answer: "origin-run-id" in answer.url):
            task = second.task("start")
        task.says(**{"origin-run-id": str(first.number)})
        second.task("work")
        expect(page.locator(".facts")).to_contain_text(f"Resumed from\n{first.number}", use_inner_text=True)


def test_steps_of_any_name_are_known(browser: Browser, world: World) -> None:
    runs = [made_run(world, "Renamed") for _ in range(2)]
    for score, run in enumerate(runs):
        run.task("begin").says(**{"script-name": "renamed.py"})
        run.task("finish").has({"score": score})
    with tab(browser) as one:
        page = one.open(f"{world.url}/Renamed/{runs[0].number}?details=open")
        expect(page.get_by_text("renamed.py")).to_be_visible()
        page = one.open(f"{world.url}/Renamed/{runs[0].number}/view/compare?with=Renamed/{runs[1].number}")
        expect(page.get_by_role("row", name="score differs")).to_be_visible()
        expect(page.get_by_label("of step")).to_have_value("finish")


def test_a_task_that_comes_late_is_shown_without_being_said_to_be_none(browser: Browser, world: World) -> None:
    run = made_run(world, "Late")
    task = run.task("start")
    with tab(browser) as one:
        one.context.add_init_script(TITLES)
        page = one.open(world.url + task.page)
        expect(page.get_by_role("article", name=f"Task start/{task.id}")).to_be_visible()
        assert [title for title in page.evaluate("window.__titles") if "No such" in title] == []
        missing = task.id + 100_000
        page = one.open(f"{world.url}/Late/{run.number}/start/{missing}")
        expect(page).to_have_title("No such task · Metaflow")


def test_values_of_a_foreach_and_caught_exceptions_are_seen_where_tasks_are(browser: Browser, world: World) -> None:
    run = made_run(world, "Fan")
    tasks = {country: run.task("work") for country in ("de", "fr, or so")}
    for country, task in tasks.items():
        task.says(**{"foreach-stack": f"{{countries={country}}}"})
    tasks["de"].has({"_catch_exception": "boom"})
    with tab(browser) as one:
        page = one.open(f"{world.url}/Fan/{run.number}/view/timeline")
        expect(page.get_by_role("treeitem").filter(has_text="countries=de")).to_contain_text("exception was caught")
        expect(page.get_by_role("treeitem").filter(has_text="countries=fr, or so")).to_be_visible()
        page = one.open(f"{world.url}/Fan/{run.number}/view/task?q=countries%3Dde")
        page = one.open(f"{world.url}/Fan/{run.number}/view/task")
        rows = page.get_by_role("table", name="Tasks").get_by_role("row")
        expect(rows.filter(has_text="countries=de")).to_contain_text("exception was caught")
        expect(page.get_by_role("status").filter(has_text="2 tasks")).to_be_visible()
        page = one.open(world.url + tasks["de"].page)
        expect(page.locator(".task-facts")).to_contain_text("exception caught")


def test_a_progress_bar_is_shown_as_it_was_written_last(browser: Browser, world: World) -> None:
    run = made_run(world, "Bars")
    task = run.task("start")
    bar = "".join(f"\rtrain {n / 20:5.1f}% |{'#' * (n // 100):<20}| {n}/2000" for n in range(2001))
    log(run, task.id, f"{bar}\nafter the bar\n")
    with tab(browser) as one:
        page = one.open(world.url + task.page)
        lines = page.get_by_role("region", name="Lines of stdout")
        expect(lines).to_contain_text("train 100.0% |####################| 2000/2000")
        expect(lines).not_to_contain_text("more characters")
        page.get_by_role("searchbox", name="Search in stdout").fill("2000/2000")
        expect(page.get_by_text("1 of 1 lines")).to_be_visible()


def log(run: MadeRun, task: int, text: str) -> None:
    """The logs of a task's only attempt, as its runtime hands them over."""
    folder = run.store / run.flow / str(run.number) / "start" / str(task)
    folder.mkdir(parents=True)
    for stream, content in (("stdout", text), ("stderr", "")):
        lines = "".join(f"[MFLOG|0|2026-11-25T10:00:00.000000Z|runtime|{n}]{line}\n"
                        for n, line in enumerate(content.removesuffix("\n").split("\n")) if content)  # fmt: skip
        (folder / f"0.runtime_{stream}.log").write_text(lines, newline="")
