import { expect, it } from "vitest";

import { foreachText, foreachValues } from "./foreach";

it.each([
  ["{}", []],
  ["{countries=de}", ["countries=de"]],
  ["{countries=de,years=2020}", ["countries=de", "years=2020"]],
  ['{"cities=Rio, Brazil"}', ["cities=Rio, Brazil"]],
  ['{"cities=New York","years={1, 2}"}', ["cities=New York", "years={1, 2}"]],
  [String.raw`{"words=say \"hi\"","paths=C:\\x"}`, ['words=say "hi"', String.raw`paths=C:\x`]],
  ["{words=}", ["words="]],
  ['{a=1,""}', ["a=1", ""]],
  ["no array", ["no array"]],
])("reads %s", (stack, values) => expect(foreachValues(stack)).toEqual(values));

it("puts the levels in one line", () => expect(foreachText('{a=1,"b=x, y"}')).toBe("a=1, b=x, y"));
