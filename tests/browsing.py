"""A real browser that looks at a stack's pages and notes whatever goes wrong in them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, sync_playwright

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PATIENCE_MS = 20_000
GRAVE = ("serious", "critical")
# Before any script of the page: shifts of its layout, and what its policy kept from happening.
WATCH = """
window.__shift = 0;
window.__refused = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.__shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
document.addEventListener("securitypolicyviolation", (event) =>
  window.__refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@contextlib.contextmanager
def browser(*arguments: str) -> Iterator[Browser]:
    """Debian's Chromium. One at a time in a process: Playwright's loop runs in the thread until it is closed.

    ``arguments`` are further ones of its command line.
    """
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    assert program, "no Chromium; to install it: apt-get install chromium"
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *arguments])
        try:
            yield one
        finally:
            one.close()


@dataclass
class Tab:
    """A page, the context it is alone in, and what went wrong in it."""

    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    def open(self, address: str) -> Page:
        """Go there."""
        self.page.goto(address, wait_until="domcontentloaded")
        return self.page

    @property
    def shift(self) -> float:
        """How far the layout has shifted by itself (cumulative layout shift)."""
        return float(self.page.evaluate("window.__shift"))

    def refused(self) -> list[str]:
        """What the page's own policy kept from happening."""
        found: list[str] = self.page.evaluate("window.__refused")
        return found

    def grave_faults(self) -> list[str]:
        """What axe finds that keeps people from using the page."""
        found = Axe().run(self.page).response["violations"]
        return [_told(one) for one in found if one["impact"] in GRAVE]

    def assert_sound(self) -> None:
        """No error was logged, nothing was refused, nobody asked."""
        assert self.faults == []
        assert self.refused() == []


def _told(violation: dict[str, Any]) -> str:
    nodes = "; ".join(f"{node['target']} {node['html'][:160]}" for node in violation["nodes"][:3])
    return f"{violation['id']} ({violation['impact']}, {len(violation['nodes'])} times): {nodes}"


@contextlib.contextmanager
def tab(browser: Browser, *, dark: bool = False, phone: bool = False, **more: Any) -> Iterator[Tab]:
    """A new page in a context of its own."""
    context = browser.new_context(
        viewport=PHONE if phone else WIDE,  # type: ignore[arg-type]
        is_mobile=phone,
        has_touch=phone,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        **more,
    )
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(WATCH)
    page = context.new_page()
    one = Tab(context, page)
    page.on("console", lambda message: one.faults.extend(_fault(message)))
    page.on("pageerror", lambda error: one.faults.append(f"uncaught: {error}"))

    def no_dialog(dialog: Dialog) -> None:
        one.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", no_dialog)
    try:
        yield one
    finally:
        context.close()


def _fault(message: ConsoleMessage) -> list[str]:
    return [f"{message.type}: {message.text} ({message.location})"] if message.type in ("error", "warning") else []


def shoot(one: Tab, folder: Path, name: str) -> None:
    """Save what is seen."""
    folder.mkdir(parents=True, exist_ok=True)
    one.page.screenshot(path=folder / f"{name}.png")
