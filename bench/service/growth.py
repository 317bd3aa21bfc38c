"""``python bench/service/growth.py``: what a run with very many tasks costs the next request; prints a table.

Times are medians over HTTP on one connection. ``--write FILE`` keeps the table, and a plot beside it as FILE's name
with .svg.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from generator import Connection, encoded, request
from run import machine
from scenarios import ARTIFACTS, CREATED_BY, FIRST_METADATA, FLOW
from targets import database, our_service

SIZES = (0, 1_000, 10_000, 100_000)
REPEATS = 200
WIDTH, HEIGHT, MARGIN = 640, 360, 50
COLOURS = ("#0b7285", "#c92a2a", "#5f3dc4", "#2b8a3e")


def fill(conninfo: str, run: int, count: int) -> None:
    """``count`` more tasks in step ``work`` of the run, each with its place, another row and two artifacts."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            """WITH made AS (
                INSERT INTO tasks_v3 (flow_id, run_number, step_name, ts_epoch)
                SELECT %(flow)s, %(run)s, 'work', 1700000000000 + n FROM generate_series(1, %(count)s) AS n
                RETURNING task_id
            ), described AS (
                INSERT INTO metadata_v3 (flow_id, run_number, step_name, task_id, field_name, value, type, ts_epoch)
                SELECT %(flow)s, %(run)s, 'work', task_id, name, 'items:' || task_id, name, 1700000000000
                FROM made, unnest(ARRAY['foreach-execution-path', 'runtime']) AS name
            )
            INSERT INTO artifact_v3
                (flow_id, run_number, step_name, task_id, name, location, ds_type, attempt_id, ts_epoch)
            SELECT %(flow)s, %(run)s, 'work', task_id, name, 'l', 'local', 0, 1700000000000
            FROM made, unnest(ARRAY['name', 'x']) AS name""",
            {"flow": FLOW, "run": run, "count": count},
        )
        connection.execute("VACUUM ANALYZE")


def median_ms(connection: Connection, asked: bytes) -> float:
    for _ in range(20):
        connection.ask(asked)
    return statistics.median(connection.ask(asked)[1] for _ in range(REPEATS)) * 1000


def measure(conninfo: str) -> dict[str, list[float]]:
    """The median milliseconds of each question at each of SIZES."""
    times: dict[str, list[float]] = {}
    with our_service(conninfo) as target:
        connection = Connection(target.port)

        def made(path: str, body: bytes = CREATED_BY) -> dict[str, Any]:
            return dict(json.loads(connection.ask(request(b"POST", path.encode(), body))[0]))

        run = made(f"/flows/{FLOW}/run")["run_number"]
        step = f"/flows/{FLOW}/runs/{run}/steps/work"
        made(f"{step}/step")
        task = f"{step}/tasks/{made(f'{step}/task')['task_id']}"
        made(f"{task}/metadata", encoded([{"field_name": "foreach-execution-path", "value": "items:0"}]))
        made(f"{task}/artifact", ARTIFACTS)
        by_place = f"{step}/filtered_tasks?metadata_field_name=foreach-execution-path&pattern={quote('^(?:items:0)$')}"
        questions = {
            "create the next task": request(b"POST", f"{step}/task".encode(), CREATED_BY),
            "its metadata": request(b"POST", f"{task}/metadata".encode(), FIRST_METADATA),
            "read its artifacts": request(b"GET", f"{task}/artifacts".encode()),
            "filtered_tasks by place": request(b"GET", by_place.encode()),
        }
        present = 0
        for size in SIZES:
            fill(conninfo, run, size - present)
            present = size
            for name, asked in questions.items():
                times.setdefault(name, []).append(median_ms(connection, asked))
        connection.close()
    return times


def table(times: dict[str, list[float]]) -> str:
    """The medians in Markdown, and how much more the last is than the first."""
    heads = " | ".join(f"{size:,} tasks" for size in SIZES)
    lines = [f"| milliseconds | {heads} | last/first |", "|---" * (len(SIZES) + 2) + "|"]
    for name, medians in times.items():
        lines.append(f"| {name} | {' | '.join(f'{m:.2f}' for m in medians)} | {medians[-1] / medians[0]:.2f} |")
    return "\n".join(lines)


def plot(times: dict[str, list[float]]) -> str:
    """The medians as lines over the number of tasks, as SVG."""
    highest = max(max(medians) for medians in times.values()) * 1.1
    right, bottom = WIDTH - MARGIN, HEIGHT - MARGIN

    def point(place: int, value: float) -> str:
        x = MARGIN + (right - MARGIN) * place / (len(SIZES) - 1)
        return f"{x:.0f},{bottom - (bottom - MARGIN) * value / highest:.0f}"

    shapes = [f'<path d="M{MARGIN},{MARGIN} V{bottom} H{right}" fill="none" stroke="#444"/>']
    for place, size in enumerate(SIZES):
        x = point(place, 0).split(",")[0]
        shapes.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{size:,}</text>')
    for fraction in (0.5, 1.0):
        y = bottom - (bottom - MARGIN) * fraction
        shapes.append(f'<text x="{MARGIN - 6}" y="{y:.0f}" text-anchor="end">{highest * fraction:.1f} ms</text>')
    for (name, medians), colour, row in zip(times.items(), COLOURS, range(len(times)), strict=True):
        points = " ".join(point(place, value) for place, value in enumerate(medians))
        shapes.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        shapes.append(f'<text x="{MARGIN + 8}" y="{16 + 13 * row}" fill="{colour}">{name}</text>')
    style = 'font-family="sans-serif" font-size="11"'
    box = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} {style}>{"".join(shapes)}</svg>\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", type=Path, help="keep the table in this file, and a plot beside it")
    options = parser.parse_args()
    where = machine()
    with database() as conninfo:
        times = measure(conninfo)
    print(where, table(times), sep="\n\n")
    if options.write:
        drawing = options.write.with_suffix(".svg")
        drawing.write_text(plot(times))
        text = f"# A run with very many tasks\n\n{where}\n\n{table(times)}\n\n![the table as lines]({drawing.name})\n"
        options.write.write_text(text)


if __name__ == "__main__":
    main()
