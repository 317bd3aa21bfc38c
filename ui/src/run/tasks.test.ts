import { describe, expect, it } from "vitest";

import type { UITask } from "../api";
import { durationOf, orderingTasksBy, readTaskOrder, tasksToShow } from "./tasks";

const task = (id: number, more: Partial<UITask> = {}): UITask => ({
  flow_id: "F",
  run_number: 1,
  run_id: null,
  step_name: "work",
  task_id: id,
  task_name: null,
  user_name: null,
  status: "completed",
  task_ok: null,
  ts_epoch: id,
  started_at: null,
  finished_at: null,
  duration: 10,
  attempt_id: 0,
  tags: null,
  system_tags: null,
  last_heartbeat_ts: null,
  ...more,
});
const ids = (tasks: UITask[]): string[] => tasks.map((one) => `${one.task_id}/${one.attempt_id}`);

const tasks = [
  task(3, { status: "failed", duration: null }),
  task(1, { step_name: "_parameters" }),
  task(2, { step_name: "start", duration: 99 }),
  task(3, { attempt_id: 1 }),
];

describe("the tasks shown", () => {
  it("leave out Metaflow's own and come as they started", () => {
    expect(ids(tasksToShow(tasks, {}))).toEqual(["2/0", "3/0", "3/1"]);
  });

  it("are those of a step, a status and a piece of their name", () => {
    expect(ids(tasksToShow(tasks, { step: "work" }))).toEqual(["3/0", "3/1"]);
    expect(ids(tasksToShow(tasks, { status: "failed" }))).toEqual(["3/0"]);
    expect(ids(tasksToShow(tasks, { q: "2" }))).toEqual(["2/0"]);
    expect(ids(tasksToShow(tasks, { q: "Work" }))).toEqual(["3/0", "3/1"]); // a step's name is the first that one types
    expect(ids(tasksToShow(tasks, { q: "work/3" }))).toEqual(["3/0", "3/1"]);
  });

  it("show the failed first when ordered by status", () => {
    expect(ids(tasksToShow(tasks, { order: "status" }))[0]).toBe("3/0");
  });

  it("order by duration both ways", () => {
    expect(ids(tasksToShow(tasks, { order: "duration" }))).toEqual(["3/1", "2/0", "3/0"]);
    expect(ids(tasksToShow(tasks, { order: "-duration" }))[0]).toBe("3/0");
  });
});

it("goes up, down, and up again with each click, and the default leaves no trace", () => {
  expect(orderingTasksBy({}, "ts_epoch")).toBe("-ts_epoch");
  expect(orderingTasksBy({ order: "-ts_epoch" }, "ts_epoch")).toBeUndefined();
  expect(orderingTasksBy({}, "duration")).toBe("duration");
  expect(orderingTasksBy({ order: "duration" }, "duration")).toBe("-duration");
  expect(readTaskOrder({ order: "nonsense" })).toEqual({ column: "ts_epoch", descending: false });
});

it("counts a running task up to now", () => {
  expect(durationOf(task(1, { status: "running", started_at: 100 }), 350)).toBe(250);
  expect(durationOf(task(1), 350)).toBe(10);
});
