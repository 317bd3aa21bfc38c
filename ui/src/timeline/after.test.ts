import { expect, test } from "vitest";

import type { UITask } from "../api";
import { cardsUntil } from "./after";
import { stepBars } from "./rows";

const task = (id: number, step: string, from: number, to: number | null): UITask =>
  ({
    task_id: id,
    step_name: step,
    attempt_id: 0,
    status: to === null ? "running" : "completed",
    ts_epoch: from,
    started_at: from,
    finished_at: to,
    duration: null,
  }) as unknown as UITask;

test("the time until the next task is the cards', if nothing else ran", () => {
  const bars = stepBars([], [task(1, "start", 0, 1000), task(2, "end", 31_000, 32_000)]);
  expect(cardsUntil(bars, new Map([["1/0", 500]]))).toEqual(new Map([["1/0", 31_000]]));
});

test("beside another branch only what the card says counts", () => {
  const bars = stepBars([], [task(1, "a", 0, 1000), task(2, "b", 0, 90_000), task(3, "join", 95_000, 96_000)]);
  expect(cardsUntil(bars, new Map([["1/0", 3000]]))).toEqual(new Map([["1/0", 3000]]));
  expect(cardsUntil(bars, new Map([["1/0", 500]]))).toEqual(new Map());
});

test("a task without cards, or that still runs, has no such time", () => {
  const bars = stepBars([], [task(1, "start", 0, 1000), task(2, "end", 31_000, null)]);
  expect(cardsUntil(bars, new Map([["2/0", 40_000]]))).toEqual(new Map());
});
