import { describe, expect, it } from "vitest";

import type { UIArtifact } from "../api";
import { artifactCells, parameterCells, readNames, rowsOf, writeNames } from "./differences";

const first = { flow: "F", run: "1" };

const parameter = (value: unknown) => ({ text: String(value), line: String(value), same: JSON.stringify(value) });

describe("the runs in the address", () => {
  it("come in the order given, each once, the first being the one whose page it is", () => {
    expect(readNames(first, "F/2,F/1,G/argo-x,F/2").map(({ run }) => run)).toEqual(["1", "2", "argo-x"]);
  });

  it("leave out what is no run, and read back as written", () => {
    expect(readNames(first, "nonsense,/3,F/")).toEqual([first]);
    expect(readNames(first, writeNames([{ flow: "G", run: "7" }]))[1]).toEqual({ flow: "G", run: "7" });
    expect(readNames(first, undefined)).toEqual([first]);
  });
});

describe("rows", () => {
  it("exist for every name of any run, and differ where values do or one is missing", () => {
    const rows = rowsOf([
      parameterCells({ rate: parameter(0.1), same: parameter([1, 2]) }),
      parameterCells({ rate: parameter(0.2), same: parameter([1, 2]), added: parameter(null) }),
    ]);
    expect(rows.map(({ label, differs }) => [label, differs])).toEqual([
      ["rate", true],
      ["same", false],
      ["added", true],
    ]);
  });

  it("say nothing of a run that could not be read", () => {
    expect(rowsOf([parameterCells({ a: parameter(1) }), undefined])[0]?.differs).toBe(false);
  });

  it("tell a number from the text of it", () => {
    expect(rowsOf([parameterCells({ a: parameter(1) }), parameterCells({ a: parameter("1") })])[0]?.differs).toBe(true);
  });
});

const artifact = (name: string, more: Partial<UIArtifact>): UIArtifact => ({
  flow_id: "F",
  run_number: 1,
  run_id: null,
  step_name: "end",
  task_id: 5,
  task_name: null,
  attempt_id: 0,
  name,
  location: "",
  ds_type: "local",
  sha: "aaaaaaaaaaaa",
  type: "",
  content_type: "",
  user_name: null,
  ts_epoch: 0,
  tags: null,
  system_tags: null,
  ...more,
});

it("compares artifacts by their hash, of the last attempt of one task", () => {
  const cells = artifactCells([
    artifact("score", { content: "0.5" }),
    artifact("score", { attempt_id: 1, content: "0.7", sha: "b" }),
    artifact("_task_ok", { attempt_id: 1 }),
    artifact("big", { attempt_id: 1, postprocess_error: { id: "artifact-too-large", detail: null } }),
    artifact("other", { task_id: 9 }),
  ]);
  expect([...cells.keys()]).toEqual(["big", "score"]);
  expect(cells.get("score")).toEqual({ text: "0.7", same: "b" });
  expect(cells.get("big")?.text).toContain("too large");
});
