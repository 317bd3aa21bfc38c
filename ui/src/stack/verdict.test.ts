import { expect, it } from "vitest";

import type { StackMirror } from "../api";
import { verdict } from "./verdict";

const mirror: StackMirror = {
  state: "current",
  saved_at: 1,
  behind_bytes: 0,
  degraded_since: null,
  detail: null,
  newest_base_at: null,
  holder: null,
  bytes_per_minute: null,
  files_per_minute: null,
};

it("is good news only while saving works", () => {
  expect(verdict(mirror, 3000)).toEqual({ good: true, words: "Everything is saved" });
  expect(verdict({ ...mirror, degraded_since: 5 }, 3000).good).toBe(false);
  expect(verdict({ ...mirror, state: "behind", degraded_since: 5 }, 3000).good).toBe(true);
  expect(verdict({ ...mirror, state: "behind" }, 120_000).good).toBe(false);
  expect(verdict({ ...mirror, state: "fenced" }, 0)).toEqual({ good: false, words: "Another machine has taken over" });
});
