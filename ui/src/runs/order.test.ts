import { describe, expect, it } from "vitest";

import type { UIRun } from "../api";
import type { LiveEvent } from "../live";
import { DEFAULT_ORDER } from "./filters";
import { compare, grouped, itemsOf, withLive } from "./order";

const run = (n: number, more: Partial<UIRun> = {}): UIRun => ({
  flow_id: "F",
  run_number: n,
  run_id: null,
  run: String(n),
  user_name: null,
  user: null,
  status: "running",
  ts_epoch: n,
  finished_at: null,
  duration: null,
  last_heartbeat_ts: null,
  tags: [],
  system_tags: [],
  ...more,
});
const event = (type: LiveEvent<UIRun>["type"], data: UIRun): LiveEvent<UIRun> => ({ type, resource: "/runs", data });
const numbers = (rows: readonly UIRun[]): number[] => rows.map((row) => row.run_number);
const all = (): boolean => true;

describe("live events", () => {
  const shown = [run(9), run(7), run(5)];

  it("puts a new run where the order has it", () => {
    const events = [event("INSERT", run(10)), event("INSERT", run(8))];
    expect(numbers(withLive(shown, events, DEFAULT_ORDER, false, all))).toEqual([10, 9, 8, 7, 5]);
  });

  it("leaves out what lies below the part that was loaded", () => {
    expect(numbers(withLive(shown, [event("UPDATE", run(1))], DEFAULT_ORDER, false, all))).toEqual([9, 7, 5]);
    expect(numbers(withLive(shown, [event("UPDATE", run(1))], DEFAULT_ORDER, true, all))).toEqual([9, 7, 5, 1]);
  });

  it("changes a run where it stands, and drops it when it leaves the filter", () => {
    const done = run(7, { status: "completed" });
    const rows = withLive(shown, [event("UPDATE", done)], DEFAULT_ORDER, false, all);
    expect(rows[1]?.status).toBe("completed");
    const running = (one: UIRun): boolean => one.status === "running";
    expect(numbers(withLive(shown, [event("UPDATE", done)], DEFAULT_ORDER, false, running))).toEqual([9, 5]);
  });

  it("shows a run once, however often it is told of", () => {
    const events = [event("INSERT", run(10)), event("UPDATE", run(10)), event("UPDATE", run(10))];
    expect(numbers(withLive(shown, events, DEFAULT_ORDER, false, all))).toEqual([10, 9, 7, 5]);
  });
});

it("sorts nulls as the database does", () => {
  const order = { column: "duration", descending: true };
  expect(compare(run(1), run(2, { duration: 5 }), order)).toBeLessThan(0);
  expect(compare(run(1), run(2, { duration: 5 }), { ...order, descending: false })).toBeGreaterThan(0);
});

describe("groups", () => {
  const rows = [run(1, { user: "bo" }), run(2), run(3, { user: "ann" }), run(4, { user: "bo" })];

  it("come by name, those without one last", () => {
    expect(grouped(rows, "user").map((group) => [group.name, numbers(group.runs)])).toEqual([
      ["ann", [3]],
      ["bo", [1, 4]],
      [null, [2]],
    ]);
  });

  it("show so many runs, and say that there are more", () => {
    const items = itemsOf(rows, "user", 1);
    expect(items).toHaveLength(6);
    expect(items[2]).toMatchObject({ kind: "group", name: "bo", more: true });
  });
});
