/** From steps and attempts, as the API gives them, to the rows of the timeline: a row for each task with its attempts as
 *  segments, under the row of its step. Pure; knows nothing of pixels. */

import type { UIStep, UITask } from "../api";

export type Status = "running" | "completed" | "failed" | "pending" | "unknown";

export interface Segment {
  attempt: UITask;
  status: Status;
  /** When the attempt was asked for; from then to `start` it waited. */
  asked: number;
  start: number;
  /** For an attempt that still runs, the time of drawing takes the place of this. */
  end: number | null;
}

export interface TaskBar {
  /** The newest attempt: what the task is now. */
  task: UITask;
  label: string;
  status: Status;
  segments: Segment[];
}

export interface StepBar {
  name: string;
  status: Status;
  tasks: TaskBar[];
  counts: Record<Status, number>;
  start: number;
  /** Null while anything in it runs. */
  end: number | null;
}

export type Row =
  | { kind: "step"; key: string; step: StepBar; open: boolean }
  | { kind: "task"; key: string; step: StepBar; task: TaskBar; alone: boolean; place: number };

export type Sorting = "start" | "duration" | "status";

const STATUSES: readonly Status[] = ["running", "completed", "failed", "pending", "unknown"];

export function statusOf(text: string): Status {
  return STATUSES.includes(text as Status) ? (text as Status) : "unknown";
}

/** Steps that the user wrote; those of Metaflow itself begin with an underscore. */
export function isShown(step: string): boolean {
  return !step.startsWith("_");
}

/** The steps of a run in the order in which they began, with their tasks in the order in which those did. */
export function stepBars(steps: readonly UIStep[], tasks: readonly UITask[]): StepBar[] {
  const attempts = new Map<string, Map<number, UITask[]>>();
  for (const step of steps) if (isShown(step.step_name)) attempts.set(step.step_name, new Map());
  for (const task of tasks) {
    if (!isShown(task.step_name)) continue;
    const ofStep = entry(attempts, task.step_name, () => new Map<number, UITask[]>());
    entry(ofStep, task.task_id, () => [] as UITask[]).push(task);
  }
  const asked = new Map(steps.map((step) => [step.step_name, step.ts_epoch]));
  const bars = [...attempts].map(([name, ofStep]) => stepBar(name, [...ofStep.values()].map(taskBar), asked.get(name)));
  return bars.sort((one, other) => one.start - other.start);
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

function taskBar(attempts: UITask[]): TaskBar {
  attempts.sort((one, other) => one.attempt_id - other.attempt_id);
  const segments = attempts.map(segment);
  for (let i = 0; i + 1 < segments.length; i++) {
    // What came before another attempt is over, even where nothing recorded when: it shall not grow beneath its successor.
    const one = segments[i]!;
    const next = segments[i + 1]!;
    if (one.end === null || one.end > next.start) one.end = Math.max(one.start, next.start);
    if (one.status === "running" || one.status === "pending") one.status = "failed";
  }
  const task = attempts[attempts.length - 1]!;
  const name = task.task_name || String(task.task_id);
  return { task, label: foreachLabel(task) ?? name, status: segments[segments.length - 1]!.status, segments };
}

function foreachLabel(task: UITask): string | undefined {
  return (task as { foreach_label?: string | null }).foreach_label || undefined;
}

function segment(attempt: UITask): Segment {
  const status = statusOf(attempt.status);
  const start = attempt.started_at ?? attempt.ts_epoch;
  // Later attempts carry the time at which the task was first asked for; only the first has waited since then.
  const asked = attempt.attempt_id === 0 ? Math.min(attempt.ts_epoch, start) : start;
  const goesOn = status === "running" || status === "pending";
  const end = attempt.finished_at ?? (goesOn ? null : start + Math.max(attempt.duration ?? 0, 0));
  return { attempt, status, asked, start, end: end === null ? null : Math.max(end, start) };
}

function stepBar(name: string, tasks: TaskBar[], asked: number | undefined): StepBar {
  const counts: Record<Status, number> = { running: 0, completed: 0, failed: 0, pending: 0, unknown: 0 };
  let start = Infinity;
  let end: number | null = 0;
  for (const task of tasks) {
    counts[task.status]++;
    start = Math.min(start, task.segments[0]!.asked);
    const last: number | null = task.segments[task.segments.length - 1]!.end;
    end = end === null || last === null ? null : Math.max(end, last);
  }
  if (!tasks.length) {
    start = asked ?? 0;
    end = start;
  }
  tasks.sort((one, other) => one.segments[0]!.start - other.segments[0]!.start || one.task.task_id - other.task.task_id);
  return { name, status: together(counts), tasks, counts, start, end };
}

/** The one status that speaks for many: what needs a look comes first. */
export function together(counts: Record<Status, number>): Status {
  if (counts.failed) return "failed";
  if (counts.running) return "running";
  if (counts.pending) return counts.completed ? "running" : "pending";
  return counts.completed ? "completed" : "unknown";
}

export interface Choice {
  closed: ReadonlySet<string>;
  /** Only tasks of this status, if any. */
  only: Status | null;
  sorting: Sorting;
}

/** The rows to draw. A step with a single task is one row, which stands for both. */
export function rowsOf(steps: readonly StepBar[], { closed, only, sorting }: Choice, now: number): Row[] {
  const rows: Row[] = [];
  for (const step of steps) {
    const chosen = only === null ? step.tasks : step.tasks.filter((task) => task.status === only);
    if (only !== null && !chosen.length) continue;
    if (step.tasks.length === 1) {
      const task = step.tasks[0]!;
      rows.push({ kind: "task", key: step.name, step, task, alone: true, place: 1 });
      continue;
    }
    const open = !closed.has(step.name) && step.tasks.length > 0;
    rows.push({ kind: "step", key: step.name, step, open });
    if (!open) continue;
    let place = 0;
    for (const task of sorted(chosen, sorting, now)) {
      rows.push({ kind: "task", key: `${step.name}/${task.task.task_id}`, step, task, alone: false, place: ++place });
    }
  }
  return rows;
}

const URGENCY: Record<Status, number> = { failed: 0, running: 1, pending: 2, unknown: 3, completed: 4 };

function sorted(tasks: readonly TaskBar[], sorting: Sorting, now: number): readonly TaskBar[] {
  if (sorting === "start") return tasks;
  if (sorting === "status") return [...tasks].sort((one, other) => URGENCY[one.status] - URGENCY[other.status]);
  return [...tasks].sort((one, other) => lasted(other, now) - lasted(one, now));
}

/** Milliseconds from the start of the first attempt to the end of the last one, or to `now`. */
export function lasted(task: TaskBar, now: number): number {
  const last = task.segments[task.segments.length - 1]!;
  return Math.max(0, (last.end ?? now) - task.segments[0]!.start);
}

/** The time that all of the bars take, never empty. */
export function extent(steps: readonly StepBar[], now: number): { start: number; end: number } {
  let start = Infinity;
  let end = -Infinity;
  for (const step of steps) {
    start = Math.min(start, step.start);
    end = Math.max(end, step.end ?? now);
  }
  if (!Number.isFinite(start)) return { start: now - 1000, end: now };
  return { start, end: Math.max(end, start + 1) };
}
