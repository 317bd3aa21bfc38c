"""A task watched on its page to its end, on a sound connection and on one that is cut: nothing shown is false."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, Page

from tests.acceptance.place import eventually
from tests.browsing import Tab, browser, shoot, tab
from tests.forwarding import way_to
from tests.ui.conftest import World

EPOCHS, EPOCHS_LONG = 12, 60
CUT_SECONDS, CUT_SECONDS_LONG = 6, 40
CUT_AT_EPOCH = 4
WATCH_SECONDS = 150
LOOK_SECONDS = 0.25
FALSE = (
    "Nothing was written to stdout",
    "No stdout is stored",
    "stored none",
    "has no cards",
    "No such task",
    "Could not",
)
SNAPSHOT = """() => {
  const text = (element) => element?.innerText.replace(/\\s+/g, " ").trim() ?? "";
  const section = (id) => text(document.getElementById(id)?.parentElement);
  return {
    title: document.title,
    status: text(document.querySelector(".task-facts .status")),
    stdout: text(document.getElementById("stdout")),
    stderr: text(document.getElementById("stderr")),
    cards: [...document.querySelectorAll(".task-card .card-head")].map(text),
    heights: [...document.querySelectorAll(".card-sizer")].map((one) => one.offsetHeight),
    cardWords: section("cards"),
    artifacts: section("artifacts"),
    metadata: section("metadata").length > 20,
    notice: text(document.querySelector(".notice")),
  };
}"""


@dataclass
class Watch:
    """What one tab has shown so far."""

    name: str
    tab: Tab
    pictures: Path
    seen: list[dict[str, Any]] = field(default_factory=list)
    progress: list[int] = field(default_factory=list)

    def look(self, epochs: int) -> None:
        """Note what is shown, keep a picture if it is new, and check that it is not false."""
        page = self.tab.page
        shown = page.evaluate(SNAPSHOT)
        bar = _progress(page)
        if bar is not None and (not self.progress or bar != self.progress[-1]):
            self.progress.append(bar)
        shown["bar"] = bar
        if not self.seen or shown != self.seen[-1]:
            self.seen.append(shown)
            shoot(self.tab, self.pictures, f"watching-{self.name}-{len(self.seen):02}")
        words = str({**shown, "stderr": ""})
        assert [one for one in FALSE if one in words] == [], shown
        assert re.fullmatch(r"(start/\S+ · Watched/\S+ · )?Metaflow", shown["title"]), shown
        assert self.progress == sorted(self.progress), "the bar goes forward only"
        if shown["status"] != "Completed":
            assert "Nothing was written" not in shown["stderr"], shown

    def is_whole(self, epochs: int) -> bool:
        """Whether everything is there that the task leaves."""
        last = self.seen[-1]
        return (
            f"{epochs} lines" in last["stdout"]
            and last["stderr"].endswith("Nothing was written to stderr.")
            and len(last["cards"]) == 2
            and last["bar"] == epochs
            and "result 42" in last["artifacts"]
        )


def _progress(page: Page) -> int | None:
    """How far the bar in the card is that moves."""
    for element in page.query_selector_all("iframe:not(.is-coming)"):
        try:
            frame = element.content_frame()
            text = frame.evaluate("document.body ? document.body.innerText : ''") if frame is not None else ""
        except Error:  # it is being replaced at this moment
            continue
        found = re.search(r"epochs\s+(\d+)/", text)
        if found:
            return int(found[1])
    return None


@pytest.fixture
def watched(world: World) -> Path:
    """The file for which the task waits after its first epoch."""
    return world.place.work / "watched.now"


@pytest.fixture
def task(world: World, watched: Path, long_form: bool) -> Any:
    """A task of step start that has begun: its path."""
    file = world.place.work / "watched.id"
    epochs = EPOCHS_LONG if long_form else EPOCHS
    process = world.place.start(
        *world.place.flow(
            "watched", "run", "--seconds", str(epochs), "--watched", str(watched), "--run-id-file", str(file)
        )
    )
    run = eventually(lambda: file.exists() and file.read_text().strip(), "the flow has started")
    rows = eventually(lambda: world.data(f"/flows/Watched/runs/{run}/tasks?step_name=start"), "its first task is there")
    yield f"/Watched/{run}/start/{rows[0]['task_id']}"
    out, _ = process.communicate(timeout=WATCH_SECONDS)
    assert process.returncode == 0, out


def test_a_task_is_watched_to_its_end(world: World, task: str, watched: Path, pictures: Path, long_form: bool) -> None:
    port = world.place.settings.port
    epochs = EPOCHS_LONG if long_form else EPOCHS
    cut_seconds = CUT_SECONDS_LONG if long_form else CUT_SECONDS
    # The name that the browser asks for stays the stack's own, whatever way it goes.
    with (
        way_to(port) as way,
        browser(f"--host-resolver-rules=MAP localhost:{port} 127.0.0.1:{way.port}") as one,
        tab(one) as sound,
        tab(one, dark=True) as cut,
    ):
        sound.open(f"http://127.0.0.1:{port}{task}")
        cut.open(f"http://localhost:{port}{task}")
        watches = [Watch("sound", sound, pictures), Watch("cut", cut, pictures)]
        for watch in watches:
            watch.tab.page.evaluate("window.__same = true")
        cut_at: float | None = None
        deadline = time.monotonic() + WATCH_SECONDS
        while not all(watch.seen and watch.is_whole(epochs) for watch in watches):
            assert time.monotonic() < deadline, [watch.seen[-1] for watch in watches]
            for watch in watches:
                watch.look(epochs)
            # A busy machine may need longer to load the pages than the task's epochs last.
            if all(watch.progress for watch in watches):
                watched.touch()
            if cut_at is None and (watches[1].progress or [0])[-1] >= CUT_AT_EPOCH:
                way.cut()
                cut_at = time.monotonic()
            if cut_at is not None and time.monotonic() - cut_at > cut_seconds:
                way.mend()
            time.sleep(LOOK_SECONDS)
        assert cut_at is not None
        for watch in watches:
            assert watch.tab.page.evaluate("window.__same"), "nothing was loaded anew"
            assert watch.progress[0] == 1 and watch.progress[-1] == epochs, watch.progress
            assert len(watch.progress) > 2, "the card moved while the task ran"
            assert all(height > 100 for height in watch.seen[-1]["heights"])
            assert watch.tab.refused() == []
        assert any("not reachable" in shown["notice"] for shown in watches[1].seen), "the outage was told"
        assert watches[1].seen[-1]["notice"] == ""
        assert not any(shown["notice"] for shown in watches[0].seen)
