import { expect, test } from "vitest";

import { cells, Heights } from "./heights";
import { LogStore } from "./store";

function rows(from: number, to: number) {
  return Array.from({ length: to - from }, (_, i) => ({ row: to - 1 - i, timestamp: null, line: `line ${to - 1 - i}` }));
}

test("the newest page tells how long the log is", () => {
  const store = new LogStore();
  expect(store.merge(rows(2500, 3500), 1, 1000)).toBe(true);
  expect(store.total).toBe(3500);
  expect(store.get(2499)).toBeUndefined();
  expect(store.complete).toBe(false);
});

test("older pages fill the holes, whichever comes first", () => {
  const store = new LogStore();
  store.merge(rows(2000, 3000), 1, 1000);
  expect(store.missing(0, 2999, 1000)).toBe(2);
  expect(store.missing(0, 500, 1000)).toBe(3);
  store.merge(rows(0, 1000), 3, 1000);
  store.merge(rows(1000, 2000), 2, 1000);
  expect(store.missing(0, 2999, 1000)).toBeNull();
  expect(store.complete).toBe(true);
});

test("a log that grew between two pages leaves no hole unnoticed", () => {
  const store = new LogStore();
  store.merge(rows(0, 1000), 1, 1000);
  store.merge(rows(1500, 2500), 1, 1000); // 1500 lines came at once
  expect(store.missing(0, 2499, 1000)).toBe(2);
  // Asked for page 2 when the log had 3000 rows already: rows 1000 to 1999, and the new length is noted.
  store.merge(rows(1000, 2000), 2, 1000);
  expect(store.total).toBe(3000);
});

test("a line that was read half-written is replaced", () => {
  const store = new LogStore();
  store.merge([{ row: 0, timestamp: null, line: "hal" }], 1, 1000);
  expect(store.merge([{ row: 0, timestamp: null, line: "half" }], 1, 1000)).toBe(true);
  expect(store.merge([{ row: 0, timestamp: null, line: "half" }], 1, 1000)).toBe(false);
  expect(store.text()).toBe("half");
});

test("search sees the text, not the colours, and no upper case", () => {
  const store = new LogStore();
  store.merge([{ row: 0, timestamp: null, line: "an \u001b[31mErr\u001b[0mor" }], 1, 1000);
  expect(store.find("error")).toEqual([0]);
  expect(store.find("[31m")).toEqual([]);
  expect(store.find("")).toEqual([]);
});

test("wrapped lines push down what follows, and a pixel leads back to its line", () => {
  const heights = new Heights(10);
  heights.grow(5000);
  heights.set(2, 3);
  expect(heights.top(3)).toBe(50);
  expect(heights.total).toBe(50_020);
  expect([0, 9, 10, 20, 49, 50, 1e9].map((pixel) => heights.at(pixel))).toEqual([0, 0, 1, 2, 2, 3, 4999]);
});

test("columns are counted as a terminal does", () => {
  expect(cells("abc")).toBe(3);
  expect(cells("a\tb")).toBe(9);
  expect(cells("日本")).toBe(4);
  expect(cells("é")).toBe(1);
});
