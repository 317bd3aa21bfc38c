import { describe, expect, it } from "vitest";

import {
  adding,
  apiQuery,
  clearing,
  liveQuery,
  narrows,
  orderingBy,
  readFilters,
  readOrder,
  removing,
  togglingStatus,
  type Filter,
} from "./filters";

const shared = { flow_id: "A,B", user: "ann", _tags: "nightly,project:forecast,project_branch:test.x", status: "failed" };

describe("the query and the filters", () => {
  it("reads official addresses, with projects and branches by their names", () => {
    expect(readFilters(shared)).toEqual([
      { field: "flow", value: "A" },
      { field: "flow", value: "B" },
      { field: "user", value: "ann" },
      { field: "tag", value: "nightly" },
      { field: "project", value: "forecast" },
      { field: "branch", value: "test.x" },
    ]);
  });

  it("adds and removes every filter, and ends where it began", () => {
    let search: Record<string, string> = {};
    for (const filter of readFilters(shared)) search = { ...search, ...adding(search, filter) } as typeof search;
    expect(readFilters(search)).toEqual(readFilters(shared));
    for (const filter of readFilters(shared)) search = { ...search, ...removing(search, filter) } as typeof search;
    expect(narrows(search)).toBe(false);
  });

  it("does not add twice, and keeps the commas of a value", () => {
    const filter: Filter = { field: "tag", value: "nightly" };
    expect(adding({ _tags: "nightly" }, filter)).toEqual({ _tags: "nightly" });
    const found = adding({ _tags: "nightly" }, { field: "tag", value: "a,b" });
    expect(found).toEqual({ _tags: "nightly,a\\,b" });
    expect(readFilters(found as Record<string, string>).map(({ value }) => value)).toEqual(["nightly", "a,b"]);
    expect(removing(found as Record<string, string>, { field: "tag", value: "a,b" })).toEqual({ _tags: "nightly" });
    expect(adding({}, { field: "user", value: "Doe, Jane" })).toEqual({ user: "Doe\\, Jane" });
  });

  it("clears what narrows and leaves grouping and order", () => {
    expect(Object.keys(clearing())).not.toContain("_group");
    expect({ ...shared, ...clearing() }).not.toMatchObject({ status: "failed" });
  });

  it("takes all three statuses for no filter at all", () => {
    expect(togglingStatus({ status: "running,failed" }, "completed")).toEqual({ status: undefined });
    expect(togglingStatus({ status: "running,failed" }, "failed")).toEqual({ status: "running" });
  });
});

describe("order", () => {
  it("is newest first unless said otherwise, and no sign means descending", () => {
    expect(readOrder({})).toEqual({ column: "ts_epoch", descending: true });
    expect(readOrder({ _order: "duration" })).toEqual({ column: "duration", descending: true });
    expect(readOrder({ _order: "+flow_id" })).toEqual({ column: "flow_id", descending: false });
  });

  it("turns round on a second click, and the default leaves no trace", () => {
    expect(orderingBy({}, "flow_id", true)).toEqual({ _order: "+flow_id" });
    expect(orderingBy({ _order: "+flow_id" }, "flow_id", true)).toEqual({ _order: "-flow_id" });
    expect(orderingBy({ _order: "+ts_epoch" }, "ts_epoch", false)).toEqual({ _order: undefined });
  });
});

it("asks with the status but listens without it", () => {
  expect(apiQuery(shared)).toMatchObject({ status: "failed", _order: "-ts_epoch" });
  expect(liveQuery(shared)).toEqual({ flow_id: "A,B", user: "ann", _tags: shared._tags });
});
