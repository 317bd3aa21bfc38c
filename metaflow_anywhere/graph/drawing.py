"""Draws the graph: as text, Mermaid, Graphviz dot or SVG, with the state of each stage where it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

from metaflow_anywhere.graph.model import Graph
from metaflow_anywhere.graph.stage import Finding, Verdict

Verdicts = Mapping[str, Verdict]
MARKS = {Finding.SATISFIED: "●", Finding.NEEDED: "○", Finding.NOT_NEEDED: "-"}
FILLS = {Finding.SATISFIED: "#d3f2dc", Finding.NEEDED: "#fff3cd", Finding.NOT_NEEDED: "#eceff1"}
NO_FILL = "#ffffff"
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 150, 34, 34, 36, 16  # pixels


def as_text(graph: Graph, verdicts: Verdicts) -> str:
    """A tree: each stage below the last of those it needs; other needs are named beside it, and who runs beside whom.

    With ``verdicts``, ● is up, ○ is not, - has no meaning here.
    """
    order = list(graph)
    together = {name: wave for wave in graph.waves() for name in wave}
    depth = {name: number for number, wave in enumerate(graph.waves()) for name in wave}
    parent = {name: max(needs, key=lambda n: (depth[n], order.index(n)), default="") for name, needs in
              graph.needs.items()}  # fmt: skip
    rows: list[tuple[str, str, str]] = []

    def visit(name: str, indent: str, last: bool, top: bool) -> None:
        branch = "" if top else indent + ("└─ " if last else "├─ ")
        others = [need for need in graph.needs[name] if need != parent[name]]
        beside = [other for other in together[name] if other != name]
        notes = [f"needs {', '.join(others)} too"] if others else []
        notes += [f"∥ {', '.join(beside)}"] if beside else []
        rows.append((branch + name, "; ".join(notes), name))
        below = [child for child in order if parent[child] == name]
        for child in below:
            visit(child, "" if top else indent + ("   " if last else "│  "), child == below[-1], False)

    roots = [name for name in order if not parent[name]]
    for root in roots:
        visit(root, "", True, True)
    left = max(len(row[0]) for row in rows)
    middle = max(len(row[1]) for row in rows)
    lines = []
    for drawn, notes, name in rows:
        verdict = verdicts.get(name)
        state = f"{MARKS[verdict.finding]} {verdict.finding.value}: {verdict.why}" if verdict else ""
        lines.append(f"{drawn:<{left}}  {notes:<{middle}}  {state}".rstrip())
    return "\n".join(lines)


def as_mermaid(graph: Graph, verdicts: Verdicts) -> str:
    """For pages that draw Mermaid (GitHub's among them)."""
    lines = ["graph LR"]
    lines += [f'    {_identifier(name)}["{name}"]' for name in graph]
    lines += [f"    {_identifier(need)} --> {_identifier(name)}" for name in graph for need in graph.needs[name]]
    lines += [f"    style {_identifier(name)} fill:{FILLS[v.finding]}" for name, v in verdicts.items()]
    return "\n".join(lines)


def as_dot(graph: Graph, verdicts: Verdicts) -> str:
    """For Graphviz."""
    lines = ["digraph stages {", "  rankdir=LR; node [shape=box style=filled fontname=Helvetica];"]
    for name in graph:
        verdict = verdicts.get(name)
        tip = f' tooltip="{verdict.finding.value}: {verdict.why}"'.replace("\\", "/") if verdict else ""
        lines.append(f'  "{name}" [fillcolor="{_fill(verdict)}"{tip}];')
    lines += [f'  "{need}" -> "{name}";' for name in graph for need in graph.needs[name]]
    return "\n".join([*lines, "}"])


def as_svg(graph: Graph, verdicts: Verdicts) -> str:
    """A picture of its own: a row a wave, so that what is side by side runs at the same time."""
    waves = list(graph.waves())
    width = 2 * MARGIN + max(len(wave) for wave in waves) * (BOX_WIDTH + GAP_X) - GAP_X
    height = 2 * MARGIN + len(waves) * (BOX_HEIGHT + GAP_Y) - GAP_Y
    place: dict[str, tuple[float, float]] = {}
    for row, wave in enumerate(waves):
        left = (width - len(wave) * (BOX_WIDTH + GAP_X) + GAP_X) / 2
        for column, name in enumerate(wave):
            place[name] = (left + column * (BOX_WIDTH + GAP_X), MARGIN + row * (BOX_HEIGHT + GAP_Y))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
        '<path d="M0,0 L8,3 L0,6 z" fill="#607d8b"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for name, (x, y) in place.items():
        for need in graph.needs[name]:
            x0, y0 = place[need]
            parts.append(
                f'<line x1="{x0 + BOX_WIDTH / 2}" y1="{y0 + BOX_HEIGHT}" x2="{x + BOX_WIDTH / 2}" y2="{y}" '
                'stroke="#607d8b" marker-end="url(#tip)"/>'
            )
    for name, (x, y) in place.items():
        verdict = verdicts.get(name)
        tip = f"<title>{escape(f'{verdict.finding.value}: {verdict.why}')}</title>" if verdict else ""
        parts.append(
            f'<g>{tip}<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="7" '
            f'fill="{_fill(verdict)}" stroke="#607d8b"/>'
            f'<text x="{x + BOX_WIDTH / 2}" y="{y + BOX_HEIGHT / 2 + 4.5}" text-anchor="middle" fill="#263238">'
            f"{escape(name)}</text></g>"
        )
    return "\n".join([*parts, "</svg>"])


FORMATS: Mapping[str, Callable[[Graph, Verdicts], str]] = {
    "text": as_text,
    "mermaid": as_mermaid,
    "dot": as_dot,
    "svg": as_svg,
}


def _fill(verdict: Verdict | None) -> str:
    return FILLS[verdict.finding] if verdict else NO_FILL


def _identifier(name: str) -> str:
    return name.replace("-", "_")
