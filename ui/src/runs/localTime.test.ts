import { expect, it } from "vitest";

import { fromLocal, toLocal } from "./localTime";

it("goes there and back to the minute, in whatever zone", () => {
  const at = String(new Date(2026, 5, 3, 14, 7).getTime());
  expect(toLocal(at)).toBe("2026-06-03T14:07");
  expect(fromLocal(toLocal(at))).toBe(at);
});

it("takes nothing for nothing, and nonsense too", () => {
  expect(toLocal(undefined)).toBe("");
  expect(toLocal("soon")).toBe("");
  expect(fromLocal("")).toBeUndefined();
  expect(fromLocal("soon")).toBeUndefined();
});
