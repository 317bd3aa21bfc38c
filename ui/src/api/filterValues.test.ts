import { expect, test } from "vitest";

import { filterValue, joinValues, splitValues } from "./filterValues";

test("values come back as they were, whatever is in them", () => {
  const lists = [["a,b"], ["Doe, Jane", "x"], ["a\\", "b"], ["CORP\\ann"], ["a\\,b", "\\", ",", "c\\\\"], ["plain"], []];
  for (const values of lists) expect(splitValues(joinValues(values))).toEqual(values);
});

test("a comma of a value has a backslash before it, and nothing else is changed", () => {
  expect(filterValue("Doe, Jane")).toBe("Doe\\, Jane");
  expect(filterValue("CORP\\ann")).toBe("CORP\\ann");
  expect(splitValues("a,b,,c")).toEqual(["a", "b", "c"]);
  expect(splitValues(undefined)).toEqual([]);
});
