/** One run with its steps and tasks: loaded page by page, then kept up to date by live events. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import {
  asApiError,
  ApiError,
  fetchRun,
  fetchSteps,
  fetchTasks,
  fetchTheseTasks,
  runPath,
  whenStale,
  type UIRun,
  type UIStep,
  type UITask,
} from "../api";
import { batched, keptFor, subscribe, withEvents, withRows, type Keyed, type LiveEvent } from "../live";
import { FactsOfRun } from "./runFacts";

const LATER_MS = 2000;
const MOST_AGAIN = 200; // tasks that are asked for by their ids, in one address
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

  readonly facts: FactsOfRun;

  private controller = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly ended = new Set<number>();
  private readonly stops: (() => void)[] = [];

  constructor(
    private readonly flow: string,
    private readonly id: string,
  ) {
    const path = runPath(flow, id);
    this.facts = new FactsOfRun(flow, id);
    const steps = batched<LiveEvent<UIStep>>((events) => {
      this.steps.value = withEvents(this.steps.peek(), events, stepKey);
    });
    const tasks = batched<LiveEvent<UITask>>((events) => {
      this.tasks.value = withEvents(this.tasks.peek(), events, taskKey);
      for (const { data } of events) if (isOver(data.status)) this.ended.add(data.task_id);
      this.later();
    }, TASK_BATCH_MS);
    this.stops.push(
      subscribe<UIRun>(path, ({ type, data }) => {
        if (type === "DELETE") return;
        this.take(data);
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
    clearTimeout(this.timer);
    this.controller.abort();
    for (const stop of this.stops) stop();
  }

  /** The run as it is now. When it has just ended, whether that is read or told, everything is read again: what was said
   *  of its tasks may have been missed, and is never said again. */
  private take(run: UIRun): void {
    const before = this.run.peek()?.status;
    this.run.value = run;
    if (before === "running" && isOver(run.status)) this.later(true);
  }

  /** In a moment: what events do not tell, and how long attempts took that have ended. An event comes with the first sign
   *  of an end, and the last one, which counts, causes none. */
  private later(everything = false): void {
    if (everything) clearTimeout(this.timer);
    else if (this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (everything) void this.load();
      else void this.refresh();
    }, LATER_MS);
  }

  private async refresh(): Promise<void> {
    const { signal } = this.controller;
    const tasks = [...this.ended].slice(0, MOST_AGAIN);
    this.ended.clear(); // when the run ends all are read again
    void this.facts.load(signal);
    if (tasks.length === 0) return;
    try {
      const rows = await fetchTheseTasks(this.flow, this.id, tasks, signal);
      this.tasks.value = withRows(this.tasks.peek(), rows, taskKey);
    } catch {
      return; // an outage ends with everything read again
    }
  }

  /** Everything once more. What is shown stays, and what has changed replaces it. */
  async load(): Promise<void> {
    this.controller.abort();
    const { signal } = (this.controller = new AbortController());
    this.error.value = undefined;
    try {
      await Promise.all([
        fetchRun(this.flow, this.id, signal).then((run) => this.take(run)),
        fetchSteps(this.flow, this.id, signal, (rows) => {
          this.steps.value = withRows(this.steps.peek(), rows, stepKey);
        }),
        fetchTasks(this.flow, this.id, signal, (rows) => {
          this.tasks.value = withRows(this.tasks.peek(), rows, taskKey);
        }),
      ]);
      this.complete.value = true;
      void this.facts.load(signal);
    } catch (reason) {
      if (signal.aborted) return;
      this.error.value = asApiError(reason);
    }
  }
}

const isOver = (status: string): boolean => status === "completed" || status === "failed";

const KEPT_MS = 120_000; // one opens a task, looks, and comes back
const kept = keptFor<RunData>(KEPT_MS);

export function useRunData(flow: string, run: string): RunData {
  const key = runPath(flow, run);
  useEffect(() => () => kept.leave(key), [key]);
  return kept.take(key, () => new RunData(flow, run));
}
