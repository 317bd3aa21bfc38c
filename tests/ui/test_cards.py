"""A card that changes while it is looked at: what is shown of it is never older than what was shown before."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, expect

from tests.browsing import tab
from tests.ui.conftest import World
from tests.ui.made import MadeTask, made_run

HASH = "0" * 32
LONG_ENOUGH_SECONDS = 3.5  # for a page that says nothing to be shown all the same
SHOWN = "iframe:not(.is-coming)"


class LiveCard:
    """A card as Metaflow writes it: a page with the first state of its layout, and data beside it that change."""

    def __init__(self, task: MadeTask) -> None:
        run = task.run
        below = ("runs", str(run.number), "steps", task.step, "tasks", str(task.id))
        self.folder = run.store.joinpath("mf.cards", run.flow, *below)
        for name in ("cards", "runtime"):
            (self.folder / name).mkdir(parents=True)

    def page(self, state: int, token: str) -> None:
        self._write(
            Path("cards", f"blank-{HASH}.html"),
            f"""<!doctype html><title>x</title><p id=bar>state {state}</p><script>
            window.METAFLOW_RELOAD_TOKEN = "{token}";
            const bar = document.getElementById("bar");
            window.metaflow_card_update = (data) => {{ bar.textContent = data.text; return true; }};
            </script>""",
        )

    def data(self, state: int, token: str) -> None:
        document = {"reload_token": token, "data": {"text": f"state {state}"}}
        self._write(Path("runtime", f"blank-{HASH}.data.json"), json.dumps(document))

    def _write(self, path: Path, text: str) -> None:
        new = self.folder / f"{path}.new"
        new.write_text(text)
        new.replace(self.folder / path)


def state_of(page: Page) -> int | None:
    """Which state of the card is seen; None while there is none."""
    for element in page.query_selector_all(SHOWN):
        try:
            frame = element.content_frame()
            found = re.fullmatch(r"state (\d+)", frame.evaluate("document.body.innerText").strip()) if frame else None
        except Error:  # it is being replaced at this moment
            continue
        if found:
            return int(found[1])
    return None


def states_until(page: Page, wanted: int | None, seconds: float) -> list[int]:
    """The states that are seen one after the other, until the wanted one or the end of the time."""
    seen: list[int] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (wanted is None or wanted not in seen):
        state = state_of(page)
        if state is not None and state not in seen[-1:]:
            seen.append(state)
        page.wait_for_timeout(30)
    return seen


@contextlib.contextmanager
def shown(browser: Browser, world: World, flow: str) -> Iterator[tuple[LiveCard, Page]]:
    """A card of a task of ``flow`` that is at work, on the task's page, where its third state is seen."""
    task = made_run(world, flow).task("start", ended=False)
    card = LiveCard(task)
    card.page(1, "a")
    card.data(3, "a")
    with tab(browser) as one:
        page = one.open(world.url + task.page)
        assert states_until(page, 3, 20)[-1] == 3
        yield card, page


def test_a_page_that_is_older_than_what_is_shown_is_not_shown(browser: Browser, world: World) -> None:
    """At the end of a task its data are there before the page that belongs to them."""
    with shown(browser, world, "Lagging") as (card, page):
        card.data(9, "final")
        with page.expect_response(lambda answer: "bridge=1" in answer.url and "final" in answer.url):
            card.page(1, "a")
        assert states_until(page, None, LONG_ENOUGH_SECONDS) == [3]
        card.page(9, "final")
        assert states_until(page, 9, 20) == [3, 9]


def test_a_page_that_has_been_replaced_does_not_come_back(browser: Browser, world: World) -> None:
    with shown(browser, world, "Hasty") as (card, page):
        card.page(4, "b")
        card.data(5, "b")
        seen = states_until(page, 5, 20) + states_until(page, None, LONG_ENOUGH_SECONDS)
        assert seen == sorted(seen), seen
        assert seen[-1] == 5
        expect(page.locator("iframe")).to_have_count(1)
