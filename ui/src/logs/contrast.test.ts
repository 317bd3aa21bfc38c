import { expect, test } from "vitest";

import { contrast, readable } from "./contrast";

test("the ratio is that of WCAG", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
  expect(contrast("#777777", "#ffffff")).toBeCloseTo(4.48, 2);
});

test("what can be read stays, what cannot is moved until it can", () => {
  expect(readable("#003366", "#ffffff")).toBe("#003366");
  for (const color of ["#ffff00", "#ffffff", "#000000", "#0000ff", "#808080"]) {
    for (const background of ["#ffffff", "#0d1117"]) {
      expect(contrast(readable(color, background), background)).toBeGreaterThanOrEqual(4.5);
    }
  }
});
