import { expect, test } from "vitest";

import { density, NARROWEST_MS, panned, place, sinceStart, ticks, within, zoomed } from "./scale";

const WHOLE = { start: 0, end: 100_000 };

test("zooming keeps the moment under the pointer where it is", () => {
  const span = zoomed(WHOLE, 4, 0.25, WHOLE);
  expect(span.end - span.start).toBe(25_000);
  expect(place(25_000, span)).toBeCloseTo(0.25);
});

test("zooming stops at the whole run and at what can be told apart", () => {
  expect(zoomed(WHOLE, 0.01, 0.5, WHOLE)).toEqual(WHOLE);
  const closest = zoomed(WHOLE, 1e9, 0.5, WHOLE);
  expect(closest.end - closest.start).toBeCloseTo(NARROWEST_MS);
});

test("panning stops at both ends and keeps the width", () => {
  const span = { start: 10_000, end: 30_000 };
  expect(panned(span, -9, WHOLE)).toEqual({ start: 0, end: 20_000 });
  expect(panned(span, 9, WHOLE)).toEqual({ start: 80_000, end: 100_000 });
  expect(panned(span, 0.5, WHOLE)).toEqual({ start: 20_000, end: 40_000 });
});

test("a span is brought into the whole", () => {
  expect(within({ start: -50, end: 50 }, { start: 0, end: 1000 })).toEqual({ start: 0, end: 100 });
});

test.each([50, 999, 12_000, 61_000, 3_600_000, 86_400_000, 40 * 86_400_000])("ticks over %d ms are few and round", (width) => {
  const { moments, step } = ticks({ start: 0, end: width }, 0, 6);
  expect(moments.length).toBeGreaterThan(1);
  expect(moments.length).toBeLessThanOrEqual(7);
  expect(moments.every((one) => one % step === 0)).toBe(true);
});

test("ticks count from the start of the run, wherever the view begins", () => {
  expect(ticks({ start: 1_012_345, end: 1_052_345 }, 1_000_345, 4).moments).toEqual([1_020_345, 1_030_345, 1_040_345, 1_050_345]);
});

test("ticks of different moments read differently", () => {
  for (const width of [30, 400, 5000, 90_000, 4_000_000, 90_000_000]) {
    const { moments, step } = ticks({ start: 70_000, end: 70_000 + width }, 0, 8);
    const labels = moments.map((one) => sinceStart(one, step));
    expect(new Set(labels).size).toBe(labels.length);
  }
});

test.each([
  [0, 1000, "0"],
  [1500, 100, "1.5s"],
  [90_000, 10_000, "1m 30s"],
  [120_000, 60_000, "2m"],
  [3_900_000, 60_000, "1h 5m"],
  [183_600_000, 3_600_000, "2d 3h"],
])("%d ms since the start reads well", (ms, step, text) => {
  expect(sinceStart(ms, step)).toBe(text);
});

test("density counts the bars over each slot, and those that end at the very end", () => {
  const bars = [
    { start: 0, end: 100 },
    { start: 50, end: 74 },
  ];
  expect([...density(bars, { start: 0, end: 100 }, 4)]).toEqual([1, 1, 2, 1]);
});
