import { expect, test } from "vitest";

import type { UIStep, UITask } from "../api";
import { extent, lasted, rowsOf, stepBars, type Choice } from "./rows";

const ALL: Choice = { closed: new Set(), only: null, sorting: "start" };

function step(step_name: string, ts_epoch: number): UIStep {
  return { step_name, ts_epoch } as UIStep;
}

function attempt(step_name: string, task_id: number, given: Partial<UITask> = {}): UITask {
  const base = { step_name, task_id, task_name: null, attempt_id: 0, status: "completed", ts_epoch: 1000 };
  return { ...base, started_at: 1000, finished_at: 2000, duration: 1000, ...given } as UITask;
}

test("steps of Metaflow itself are hidden", () => {
  const bars = stepBars([step("_parameters", 1), step("start", 2)], [attempt("_parameters", 1), attempt("start", 2)]);
  expect(bars.map((bar) => bar.name)).toEqual(["start"]);
});

test("the attempts of a task are the segments of one row, in their order", () => {
  const second = attempt("work", 7, { attempt_id: 1, started_at: 3000, finished_at: 4000 });
  const first = attempt("work", 7, { status: "failed" });
  const [bar] = stepBars([], [second, first]);
  expect(bar!.tasks).toHaveLength(1);
  expect(bar!.tasks[0]!.segments.map((one) => [one.status, one.start, one.end])).toEqual([
    ["failed", 1000, 2000],
    ["completed", 3000, 4000],
  ]);
  expect(bar!.tasks[0]!.status).toBe("completed");
  expect(lasted(bar!.tasks[0]!, 9999)).toBe(3000);
});

test("an attempt that another followed is over, even where nobody recorded that", () => {
  const lost = attempt("work", 7, { status: "running", finished_at: null });
  const next = attempt("work", 7, { attempt_id: 1, started_at: 5000, finished_at: null, status: "running" });
  const [bar] = stepBars([], [lost, next]);
  expect(bar!.tasks[0]!.segments.map((one) => [one.status, one.end])).toEqual([
    ["failed", 5000],
    ["running", null],
  ]);
  expect(bar!.end).toBeNull();
});

test("a step with one task is one row, a step with many has a row for itself and one for each", () => {
  const bars = stepBars([step("start", 0), step("work", 10)], [attempt("start", 1), attempt("work", 2), attempt("work", 3)]);
  expect(rowsOf(bars, ALL, 0).map((row) => [row.kind, row.key])).toEqual([
    ["task", "start"],
    ["step", "work"],
    ["task", "work/2"],
    ["task", "work/3"],
  ]);
  expect(rowsOf(bars, { ...ALL, closed: new Set(["work"]) }, 0)).toHaveLength(2);
});

test("a failure among many speaks for the step, and can be asked for alone", () => {
  const bars = stepBars([], [attempt("work", 1), attempt("work", 2, { status: "failed" }), attempt("work", 3)]);
  expect(bars[0]!.status).toBe("failed");
  expect(bars[0]!.counts).toMatchObject({ completed: 2, failed: 1 });
  expect(rowsOf(bars, { ...ALL, only: "failed" }, 0).map((row) => row.key)).toEqual(["work", "work/2"]);
});

test("the longest, or the failed, come first if asked to", () => {
  const tasks = [
    attempt("work", 1),
    attempt("work", 2, { status: "failed", finished_at: 1500 }),
    attempt("work", 3, { status: "running", finished_at: null }),
  ];
  const keys = (sorting: Choice["sorting"]) => rowsOf(stepBars([], tasks), { ...ALL, sorting }, 9000).slice(1).map((row) => row.key);
  expect(keys("duration")).toEqual(["work/3", "work/1", "work/2"]);
  expect(keys("status")).toEqual(["work/2", "work/3", "work/1"]);
});

test("a step that has begun but has no task yet is shown, and the extent is never empty", () => {
  const bars = stepBars([step("start", 5000)], []);
  expect(bars[0]).toMatchObject({ start: 5000, end: 5000, status: "unknown" });
  const { start, end } = extent(bars, 5000);
  expect(end).toBeGreaterThan(start);
  expect(extent([], 5000)).toEqual({ start: 4000, end: 5000 });
});

test("ten thousand tasks are grouped in a moment", () => {
  const tasks = Array.from({ length: 10_000 }, (_, i) => attempt("work", i, { started_at: i, finished_at: i + 5 }));
  const before = performance.now();
  expect(rowsOf(stepBars([], tasks), ALL, 0)).toHaveLength(10_001);
  expect(performance.now() - before).toBeLessThan(500);
});

test("a status that we do not know is unknown, not a crash", () => {
  const [bar] = stepBars([], [attempt("work", 1, { status: "refining" })]);
  expect(bar!.tasks[0]!.status).toBe("unknown");
});
