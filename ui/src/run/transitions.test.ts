import { expect, test } from "vitest";

import { readTransitions } from "./transitions";

const row = (step_name: string, content: string | null) => ({ step_name, content: content ?? undefined }) as never;
const read = (...rows: [string, string | null][]) =>
  Object.fromEntries([...readTransitions(rows.map(([step, content]) => row(step, content)))].map(([from, to]) => [from, [...to]]));

test("each task of a switch adds where it went on to", () => {
  expect(read(["begin", "(['train'], None)"], ["train", "(['train'], None)"], ["train", "(['wrap'], None)"])).toEqual({
    begin: ["train"],
    train: ["train", "wrap"],
  });
});

test("a switch whose target cannot be read has taken no edge that is known", () => {
  expect(read(["begin", null], ["other", "<not shown>"], ["third", "([], None)"])).toEqual({ begin: [], other: [], third: [] });
});

test("steps of any name, and several at once", () => {
  expect(read(["a", "(['_b1', 'Größe'], {'x': ['c']})"])).toEqual({ a: ["_b1", "Größe"] });
});
