import { expect, it } from "vitest";

import { match } from "./keyboard";

const keys = [{ keys: "j" }, { keys: "g h" }, { keys: "h" }];

it("takes a sequence before its last key alone", () => {
  expect(match(keys, "g", "h")).toBe(keys[1]);
  expect(match(keys, "", "h")).toBe(keys[2]);
  expect(match(keys, "x", "j")).toBe(keys[0]);
  expect(match(keys, "", "g")).toBeUndefined();
});

it("lets the newest layer win", () => {
  const newer = { keys: "j" };
  expect(match([...keys, newer], "", "j")).toBe(newer);
});
