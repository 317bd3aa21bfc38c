/** One run with its steps and tasks: loaded page by page, then kept up to date by live events. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import {
  asApiError,
  ApiError,
  fetchRun,
  fetchSteps,
  fetchTasks,
  runPath,
  whenStale,
  type UIRun,
  type UIStep,
  type UITask,
} from "../api";
import { batched, keptFor, subscribe, withEvents, withRows, type Keyed, type LiveEvent } from "../live";

const TASK_BATCH_MS = 100; // a wide foreach starts hundreds of tasks a second, and each costs a rendering

const stepKey = (step: UIStep): string => step.step_name;
/** Rows of tasks are attempts. */
export const taskKey = (task: UITask): string => `${task.task_id}/${task.attempt_id}`;

export class RunData {
  readonly run = signal<UIRun | undefined>(undefined);
  readonly steps = signal<Keyed<UIStep>>(new Map());
  readonly tasks = signal<Keyed<UITask>>(new Map());
  readonly error = signal<ApiError | undefined>(undefined);
  /** Steps and tasks are all here. */
  readonly complete = signal(false);

  private controller = new AbortController();
  private readonly stops: (() => void)[] = [];

  constructor(
    private readonly flow: string,
    private readonly id: string,
  ) {
    const path = runPath(flow, id);
    const steps = batched<LiveEvent<UIStep>>((events) => {
      this.steps.value = withEvents(this.steps.peek(), events, stepKey);
    });
    const tasks = batched<LiveEvent<UITask>>((events) => {
      this.tasks.value = withEvents(this.tasks.peek(), events, taskKey);
    }, TASK_BATCH_MS);
    this.stops.push(
      subscribe<UIRun>(path, ({ type, data }) => {
        if (type === "DELETE") return;
        this.run.value = data;
        if (this.error.peek()) void this.load(); // the address was there before the run was
      }),
      subscribe<UIStep>(`${path}/steps`, (event) => steps.add(event)),
      subscribe<UITask>(`${path}/tasks`, (event) => tasks.add(event)),
      whenStale(() => void this.load()),
      () => steps.drop(),
      () => tasks.drop(),
    );
    void this.load();
  }

  stop(): void {
    this.controller.abort();
    for (const stop of this.stops) stop();
  }

  /** Everything once more. What is shown stays, and what has changed replaces it. */
  async load(): Promise<void> {
    this.controller.abort();
    const { signal } = (this.controller = new AbortController());
    this.error.value = undefined;
    try {
      await Promise.all([
        fetchRun(this.flow, this.id, signal).then((run) => (this.run.value = run)),
        fetchSteps(this.flow, this.id, signal, (rows) => {
          this.steps.value = withRows(this.steps.peek(), rows, stepKey);
        }),
        fetchTasks(this.flow, this.id, signal, (rows) => {
          this.tasks.value = withRows(this.tasks.peek(), rows, taskKey);
        }),
      ]);
      this.complete.value = true;
    } catch (reason) {
      if (signal.aborted) return;
      this.error.value = asApiError(reason);
    }
  }
}

const KEPT_MS = 120_000; // one opens a task, looks, and comes back
const kept = keptFor<RunData>(KEPT_MS);

export function useRunData(flow: string, run: string): RunData {
  const key = runPath(flow, run);
  useEffect(() => () => kept.leave(key), [key]);
  return kept.take(key, () => new RunData(flow, run));
}
