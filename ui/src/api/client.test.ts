import { expect, it } from "vitest";

import { at, explain, withQuery } from "./client";

it("keeps names that hold anything apart in a path", () => {
  expect(at("flows", "a/b?", "runs", 7)).toBe("/flows/a%2Fb%3F/runs/7");
});

it("sends a plus as %2B and leaves out what is empty", () => {
  expect(withQuery("/runs", { _order: "+ts_epoch", "ts_epoch:ge": 5, user: "", status: undefined })).toBe(
    "/runs?_order=%2Bts_epoch&ts_epoch:ge=5",
  );
});

it("finds the words in every kind of error body", () => {
  expect(explain('{"id":"MetaflowNotFound","detail":"no such"}')).toEqual({ id: "MetaflowNotFound", detail: "no such" });
  expect(explain('"{\\"err_msg\\": {\\"pgerror\\": \\"bad\\"}}"').detail).toBe("bad");
  expect(explain('{"data":"{\\"err_msg\\":{\\"pgerror\\":\\"worse\\"}}","status":500}').detail).toBe("worse");
  expect(explain("404: Not Found").detail).toBe("404: Not Found");
  expect(explain("{}").detail).toBe("");
});
