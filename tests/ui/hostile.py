"""A run in which every name and value is markup, script, or made to mislead, as whoever may run flows can make one."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import time
from pathlib import Path
from typing import Any

from tests.ui.conftest import World

HACK = "window.top.__hacked=1"
MARKUP = f"<img src=x onerror={HACK}>"  # a flow, a step: names of folders too, so without a slash
SCRIPT = f"</script><script>{HACK}</script>"
QUOTES = f"\"'`><b onmouseover={HACK} style=position:fixed>"
MISLEADING = "\u202egpj.exe\u202c"  # reads from right to left
LINK = f"javascript:{HACK}"
TEMPLATE = "${{constructor}}{{7*7}}"
LONG = "very-long-" * 24
NAMES = (MARKUP, SCRIPT, QUOTES, MISLEADING, LINK, TEMPLATE, LONG)
LOG_LINES = (*NAMES, f"\x1b]8;;{LINK}\x07a link\x1b]8;;\x07", f"\x1b[31m{MARKUP}\x1b[0m", "\x1b]0;title\x07\x00\x08end")
CARD = f"""<!doctype html><title>x</title><p id=said>a card with a script</p><script>
const tried = [];
const attempt = (name, act) => {{ try {{ act(); tried.push(name); }} catch (error) {{ }} }};
attempt("parent", () => {{ parent.__hacked = 1; parent.document.title = "x"; }});
attempt("top", () => {{ {HACK}; }});
attempt("cookie", () => document.cookie);
attempt("storage", () => localStorage.length);
attempt("navigation", () => {{ if (top === self) throw 0; top.location = "about:blank"; }});
attempt("dialog", () => {{ if (alert("x") !== undefined) throw 0; if (confirm("x")) return; throw 0; }});
const asked = (path, more) => fetch(new URL(path, location.href), more).then((r) => r.text());
Promise.allSettled([
  asked("/api/runs"), asked("/service/flows"), asked("/api/stack"),
  asked("/service/flows/Made_by_a_card", {{ method: "POST", mode: "no-cors", body: "{{}}" }}).then(() => {{
    throw 0; // that it was sent is no harm: that it was followed would be
  }}),
]).then((all) => {{
  all.forEach((one, place) => one.status === "fulfilled" && tried.push(`request ${{place}}`));
  document.getElementById("said").textContent = `reached: ${{tried.join(", ") || "nothing"}}`;
}});
</script>"""


def hostile_run(world: World) -> dict[str, str]:
    """Make it; the parts of its tasks' paths."""
    for name in NAMES:
        flow = _quoted(name)
        world.post(f"/flows/{flow}", {"user_name": name})
        run = world.post(f"/flows/{flow}/run", _owned(tags=list(NAMES)))
        if name == MARKUP:
            number = run["run_number"]
    below = f"/flows/{_quoted(MARKUP)}/run/{number}".replace("/run/", "/runs/")
    _parameters(world, below, str(number))
    for step in NAMES:
        world.post(f"{below}/steps/{_quoted(step)}/step", _owned())
    task = str(world.post(f"{below}/steps/{_quoted(MARKUP)}/task", _owned())["task_id"])
    world.post(f"{below}/steps/{_quoted(MARKUP)}/task", _owned(task_id=QUOTES))
    _metadata(world, f"{below}/steps/{_quoted(MARKUP)}/tasks/{task}")
    values = {name: {"key": NAMES, name: name} for name in NAMES}
    _artifacts(world, f"{below}/steps/{_quoted(MARKUP)}/tasks/{task}", values)
    _files(world, str(number), task)
    return {"flow": MARKUP, "run": str(number), "step": MARKUP, "task": task}


def _owned(**more: Any) -> dict[str, Any]:
    system = [f"user:{MARKUP}", f"project:{QUOTES}", *more.pop("system", ())]
    return {"user_name": MARKUP, "system_tags": system, "tags": [], **more}


def _parameters(world: World, below: str, run: str) -> None:
    world.post(f"{below}/steps/_parameters/step", _owned())
    task = world.post(f"{below}/steps/_parameters/task", _owned())["task_id"]
    step = {
        "name": MARKUP, "type": "linear", "line": 1, "doc": SCRIPT, "decorators": [{"name": MARKUP, "attributes": {}}],
        "next": [QUOTES], "source_file": LINK,
    }  # fmt: skip
    graph = {
        "file": SCRIPT, "start_step": MARKUP, "end_step": QUOTES, "parameters": [], "constants": [], "doc": MARKUP,
        "steps": {MARKUP: {**step, "type": "start"}, QUOTES: {**step, "name": QUOTES, "type": "end", "next": []}},
        "graph_structure": [MARKUP, QUOTES], "decorators": [], "extensions": {},
    }  # fmt: skip
    _artifacts(world, f"{below}/steps/_parameters/tasks/{task}", {"_graph_info": graph, **dict.fromkeys(NAMES, MARKUP)})


def _metadata(world: World, task: str) -> None:
    rows = [{"field_name": name, "value": name, "type": name, "tags": ["attempt_id:0"]} for name in NAMES]
    rows += [{"field_name": field, "value": "0", "type": field, "tags": ["attempt_id:0"]} for field in ("attempt",)]
    rows += [{"field_name": "attempt_ok", "value": "True", "type": "internal", "tags": ["attempt_id:0"]}]
    rows += [{"field_name": "foreach-stack", "value": MARKUP, "type": "x", "tags": ["attempt_id:0"]}]
    world.post(f"{task}/metadata", rows)


def _artifacts(world: World, task: str, values: dict[str, Any]) -> None:
    rows = []
    for name, value in values.items():
        data = pickle.dumps(value, protocol=4)
        sha = hashlib.sha1(data).hexdigest()
        path = _store(world) / MARKUP / "data" / sha[:2] / sha
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data))
        rows.append({"name": name, "location": LINK, "ds_type": "local", "sha": sha, "type": MARKUP,
                     "content_type": "gzip+pickle-v4", "attempt_id": 0})  # fmt: skip
    world.post(f"{task}/artifact", rows)


def _files(world: World, run: str, task: str) -> None:
    folder = _store(world) / MARKUP / run / MARKUP / task
    folder.mkdir(parents=True)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000000", time.gmtime())
    for stream in ("stdout", "stderr"):
        lines = [f"[MFLOG|0|{stamp}Z|task|{number}]{line}\n" for number, line in enumerate(LOG_LINES)]
        (folder / f"0.task_{stream}.log").write_text("".join(lines))
    cards = _store(world) / "mf.cards" / MARKUP / "runs" / run / "steps" / MARKUP / "tasks" / task / "cards"
    cards.mkdir(parents=True)
    (cards / f"{MARKUP}-{'0' * 32}.html").write_text(CARD)


def _store(world: World) -> Path:
    return world.place.settings.datastore_dir / ".metaflow"


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")
