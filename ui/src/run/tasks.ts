/** Which tasks the table shows and in what order, read from the query. */

import type { UITask } from "../api";

type Search = Readonly<Record<string, string>>;

export const TASK_COLUMNS = ["status", "step_name", "task_id", "attempt_id", "ts_epoch", "duration"] as const;
export type TaskColumn = (typeof TASK_COLUMNS)[number];

export interface TaskOrder {
  column: TaskColumn;
  descending: boolean;
}

export function readTaskOrder(search: Search): TaskOrder {
  const text = search["order"] ?? "";
  const column = TASK_COLUMNS.find((one) => one === text.replace(/^-/, ""));
  return { column: column ?? "ts_epoch", descending: column !== undefined && text.startsWith("-") };
}

/** The query for a click on a column's head. */
export function orderingTasksBy(search: Search, column: TaskColumn): string | undefined {
  const old = readTaskOrder(search);
  if (old.column !== column) return column === "ts_epoch" ? undefined : column;
  if (old.descending) return column === "ts_epoch" ? undefined : column;
  return `-${column}`;
}

export const startOf = (task: UITask): number => task.started_at ?? task.ts_epoch;

/** How long an attempt took, or has been going on. */
export function durationOf(task: UITask, now: number): number | null {
  if (task.status === "running") return now - startOf(task);
  return task.duration;
}

const WORST_FIRST = ["failed", "running", "pending", "unknown", "refining", "completed"];

/** Those that the query asks for; `among` are the ids that a search has found, and stand for its text.
 *  Steps that begin with `_` are Metaflow's own, and not shown. `foreach` are the foreach values of tasks, by id. */
export function tasksToShow(
  tasks: Iterable<UITask>,
  search: Search,
  among?: ReadonlySet<string>,
  foreach?: ReadonlyMap<number, string>,
): UITask[] {
  const step = search["step"];
  const status = search["status"];
  const text = among ? undefined : search["q"]?.toLowerCase();
  const shown: UITask[] = [];
  for (const task of tasks) {
    if (task.step_name.startsWith("_")) continue;
    if (step && task.step_name !== step) continue;
    if (status && task.status !== status) continue;
    if (among && !among.has(String(task.task_id)) && !among.has(task.task_name ?? "")) continue;
    if (text && !`${task.step_name}/${nameOf(task)} ${foreach?.get(task.task_id) ?? ""}`.toLowerCase().includes(text)) continue;
    shown.push(task);
  }
  const { column, descending } = readTaskOrder(search);
  const sign = descending ? -1 : 1;
  const value = (task: UITask): number | string | null =>
    column === "status" ? WORST_FIRST.indexOf(task.status) : column === "ts_epoch" ? startOf(task) : task[column];
  return shown.sort((a, b) => sign * inOrder(value(a), value(b)) || a.task_id - b.task_id || a.attempt_id - b.attempt_id);
}

function inOrder(a: number | string | null, b: number | string | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}

export const nameOf = (task: UITask): string => task.task_name ?? String(task.task_id);
