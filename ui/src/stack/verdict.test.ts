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
  expect(verdict(mirror)).toEqual({ kind: "completed", words: "Everything is saved" });
  expect(verdict({ ...mirror, degraded_since: 5 }).kind).toBe("failed");
  expect(verdict({ ...mirror, state: "behind" }).kind).toBe("pending");
  expect(verdict({ ...mirror, state: "fenced" }).kind).toBe("failed");
});

it("takes a state that it does not know for bad news, and names it", () => {
  expect(verdict({ ...mirror, state: "odd" })).toEqual({ kind: "failed", words: "Saving is in the state “odd”" });
  expect(verdict({ ...mirror, state: null }).kind).toBe("failed");
});
