import { expect, test } from "vitest";

import { readParameters } from "./exact";

const read = (json: string) => readParameters(`{"data": {"p": {"value": ${json}}}}`)["p"]!;

test("numbers keep the digits that were written", () => {
  for (const number of ["1234567890123456789", "1.0", "1e-07", "-0.10", "100000000000000000000000.5"])
    expect(read(number)).toEqual({ text: number, line: number, same: number });
  expect(read('{"id": 9007199254740993, "l": [1.0]}').line).toBe('{"id":9007199254740993,"l":[1.0]}');
});

test("what stands alone is written as Python does", () => {
  expect(read("true").text).toBe("True");
  expect(read("null").text).toBe("None");
  expect(read('"None"').text).toBe("None");
  expect(read('"None"').same).not.toBe(read("null").same);
  expect(read('"zwei\\nZeilen"').text).toBe("zwei\nZeilen");
});
