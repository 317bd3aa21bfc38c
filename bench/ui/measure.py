"""``python bench/ui/measure.py``: the size of the web UI, its first view of 10,000 runs, and scrolling 10,000 tasks."""

from __future__ import annotations

import contextlib
import gzip
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from playwright.sync_api import Page

PROJECT = Path(__file__).parents[2]
sys.path[:0] = [str(PROJECT), str(PROJECT / "bench" / "ui_backend")]

from fill import BIG, fill  # noqa: E402

from metaflow_anywhere.settings import resolve  # noqa: E402
from metaflow_anywhere.stack import Stack  # noqa: E402
from metaflow_anywhere.ui_backend.building import BUILT  # noqa: E402
from tests.browsing import browser, tab  # noqa: E402

RUNS, TASKS, FLOW = 10_000, 10_000, "Huge"
ROUNDS = 5
SCROLL_SECONDS = 4
PATIENCE_SECONDS = 60
KIBIBYTE = 1024

# From the start of the navigation until a row has been painted and has answered a key.
INTERACTIVE = """
const look = () => {
  if (document.querySelectorAll('[role=table] [role=row] a').length < 10) return requestAnimationFrame(look);
  requestAnimationFrame(() => setTimeout(() => {
    const shown = performance.now();
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }));
    const answer = () => {
      if (!document.activeElement?.closest('[role=row]')) return requestAnimationFrame(answer);
      window.__measured = { shown, interactive: performance.now() };
    };
    answer();
  }));
};
requestAnimationFrame(look);
"""
SCROLL = """
(seconds) => new Promise((done) => {
  const began = performance.now(), gaps = [];
  let last = began;
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    window.scrollBy(0, 97);
    if (now - began < seconds * 1000) return requestAnimationFrame(frame);
    gaps.sort((a, b) => a - b);
    done({ frames: gaps.length / ((now - began) / 1000), slow: gaps[Math.floor(gaps.length * 0.99)],
           rows: document.querySelectorAll('[role=treeitem]').length, top: window.scrollY });
  };
  requestAnimationFrame(frame);
})
"""


@contextlib.contextmanager
def stack() -> Iterator[Stack]:
    """A stack of the benchmark's own, up and full."""
    with tempfile.TemporaryDirectory(prefix="mfa-bench-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        names = ("MF_PORT", "MF_METADATA_PORT", "MF_UI_METADATA_PORT", "MF_DATABASE_PORT")
        first = random.randrange(20_000, 30_000)
        ports = {one: str(first + place) for place, one in enumerate(names)}
        environment = {**os.environ, "MF_ROOT": f"{name}/root", "MF_STATE_DIR": f"{name}/state", **ports}
        invoke = str(Path(sys.executable).with_name("invoke"))
        subprocess.run([invoke, "up"], cwd=PROJECT, env=environment, check=True, stdout=subprocess.DEVNULL)
        try:
            one = Stack(resolve(environ=environment))
            fill(one.conninfo("postgres"), RUNS)
            with psycopg.connect(one.conninfo("postgres"), cursor_factory=psycopg.ClientCursor) as connection:
                connection.execute(BIG, {"flow": FLOW, "tasks": TASKS})
            yield one
        finally:
            subprocess.run([invoke, "down"], cwd=PROJECT, env=environment, check=False, stdout=subprocess.DEVNULL)


def sizes() -> tuple[int, int]:
    """Bytes of all scripts and styles, compressed as the proxy does it, and as they are."""
    files = [path.read_bytes() for path in (BUILT / "assets").iterdir() if path.suffix in (".js", ".css")]
    return sum(len(gzip.compress(one)) for one in files), sum(map(len, files))


def until(page: Page, expression: str) -> Any:
    """Ask until it is true. (Playwright's own way evaluates text in the page, which its policy forbids.)"""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := page.evaluate(expression)):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)
    return found


def first_view(url: str) -> tuple[float, float]:
    """Medians in milliseconds, with an empty cache: until rows are painted, and until they answer."""
    shown, interactive = [], []
    with browser() as chromium:
        for _ in range(ROUNDS):
            with tab(chromium) as one:
                one.page.add_init_script(INTERACTIVE)
                one.open(f"{url}/")
                found = until(one.page, "window.__measured")
                shown.append(found["shown"])
                interactive.append(found["interactive"])
    return statistics.median(shown), statistics.median(interactive)


def scrolling(url: str, run: int) -> tuple[float, float]:
    """Frames a second while a timeline scrolls, and the 99th percentile of milliseconds between two."""
    with browser() as chromium, tab(chromium) as one:
        page = one.open(f"{url}/{FLOW}/{run}/view/timeline")
        until(page, f"document.documentElement.scrollHeight > {TASKS} * 20")
        page.wait_for_timeout(1000)
        found = page.evaluate(SCROLL, SCROLL_SECONDS)
        assert found["top"] > 1000, found
        return found["frames"], found["slow"]


def main() -> None:
    """Measure and print."""
    packed, bare = sizes()
    with stack() as one:
        with psycopg.connect(one.conninfo()) as connection:
            row = connection.execute("SELECT run_number FROM runs_v3 WHERE flow_id = %s", (FLOW,)).fetchone()
        assert row is not None
        shown, interactive = first_view(one.proxy_url)
        frames, slow = scrolling(one.proxy_url, row[0])
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
    print("| what | measured | limit |\n|---|--:|--:|")
    print(f"| scripts and styles, compressed | {packed / KIBIBYTE:.0f} KB (bare: {bare / KIBIBYTE:.0f}) | 150 KB |")
    print(f"| first view of {RUNS:,} runs: rows are seen | {shown:.0f} ms | |")
    print(f"| the same: a row answers a key | {interactive:.0f} ms | 1,000 ms |")
    print(f"| a timeline of {TASKS:,} tasks scrolls | {frames:.0f} frames/s | 50 frames/s |")
    print(f"| the same: 99 of 100 frames come within | {slow:.0f} ms | |")


if __name__ == "__main__":
    main()
