import { describe, expect, it } from "vitest";

import { NOTHING_YET, readAsked, withMessage } from "./search";

describe("what is asked for", () => {
  it("is an artifact where there is a name and an equals sign", () => {
    expect(readAsked("score=0.5")).toEqual({ key: "score", value: "0.5" });
    expect(readAsked(" region = \"east\" ")).toEqual({ key: "region", value: '"east"' });
    expect(readAsked("score=")).toEqual({ key: "score", value: "" });
  });

  it("is a task's name otherwise", () => {
    expect(readAsked("42")).toBeNull();
    expect(readAsked("=x")).toBeNull();
    expect(readAsked(undefined)).toBeNull();
  });
});

it("puts the results of both scopes together", () => {
  const match = (task_id: string) => ({ task_id, searchable: true });
  const half = withMessage(NOTHING_YET, { event: { type: "progress", fraction: 0.5 } });
  expect(half).toEqual({ tasks: null, progress: 0.5, error: "" });
  const one = withMessage(half, { event: { type: "result", matches: [match("1")] } });
  const both = withMessage(one, { event: { type: "result", matches: [match("2")] } });
  expect([...(both.tasks ?? [])]).toEqual(["1", "2"]);
  expect(withMessage(both, { event: { type: "error", message: "no" } }).error).toBe("no");
});
