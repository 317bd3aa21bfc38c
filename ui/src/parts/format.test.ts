import { describe, expect, it } from "vitest";

import { formatAgo, formatBytes, formatDuration, formatTime } from "./format";

describe("formatDuration", () => {
  it.each([
    [-300, "0ms"],
    [420, "420ms"],
    [12_340, "12.3s"],
    [59_940, "59.9s"],
    [59_980, "1m 00s"],
    [184_000, "3m 04s"],
    [3_720_000, "1h 02m"],
    [183_600_000, "2d 3h"],
  ])("reads %i ms as %s", (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe("formatTime", () => {
  const now = new Date(2026, 10, 24, 15, 0, 0).getTime();
  it.each([
    [new Date(2026, 10, 24, 14, 3, 22), "14:03:22"],
    [new Date(2026, 10, 21, 14, 3, 22), "21 Nov 14:03"],
    [new Date(2025, 10, 21, 14, 3, 22), "21 Nov 2025"],
  ])("leaves out what today tells", (at, text) => expect(formatTime(at.getTime(), now)).toBe(text));
});

it("says how long ago in the largest whole unit", () => {
  expect(formatAgo(400)).toBe("just now");
  expect(formatAgo(3_900)).toBe("3 s ago");
  expect(formatAgo(7_300_000)).toBe("2 h ago");
});

it("reads bytes in powers of 1024", () => {
  expect(formatBytes(512)).toBe("512 B");
  expect(formatBytes(14_260_000)).toBe("14 MB");
});
