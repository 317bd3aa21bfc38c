/** One task with its attempts and metadata: loaded once, then kept up to date by live events. */

import { useEffect, useState } from "preact/hooks";

import {
  fetchAttempts,
  fetchTaskMetadata,
  taskPath,
  useLoad,
  type ApiError,
  type UIMetadata,
  type UITask,
} from "../api";
import { subscribe, withEvents, withRows, type Keyed, type LiveEvent } from "../live";

export interface TaskData {
  /** The newest first. */
  attempts: UITask[];
  metadata: UIMetadata[];
  loading: boolean;
  /** Whether the metadata has been asked for, and something was answered. */
  factsKnown: boolean;
  error: ApiError | undefined;
  again: () => void;
}

const attemptKey = (task: UITask): string => String(task.attempt_id);
const metadataKey = (row: UIMetadata): string => String(row.id);

/** How often a running task is asked for again: its heartbeats and most of its metadata cause no events. */
const REFRESH_MS = 10_000;

export function useTask(flow: string, run: string, step: string, task: string): TaskData {
  const path = taskPath(flow, run, step, task);
  const loaded = useLoad(`attempts ${path}`, (signal) => fetchAttempts(flow, run, step, task, signal));
  const facts = useLoad(`metadata ${path}`, (signal) => fetchTaskMetadata(flow, run, step, task, {}, signal));
  const attempts = useEvents(`${path}/attempts`, loaded.data, attemptKey, keepLabel);
  const metadata = useEvents(`${path}/metadata`, facts.data, metadataKey);
  const sorted = [...attempts.values()].sort((one, other) => other.attempt_id - one.attempt_id);
  const running = sorted.some((one) => one.status === "running" || one.status === "pending");
  const { again } = loaded;
  const { again: factsAgain } = facts;

  useEffect(() => {
    if (!running) {
      factsAgain(); // those of the end
      return;
    }
    const timer = setInterval(() => {
      again();
      factsAgain();
    }, REFRESH_MS);
    return () => clearInterval(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- both only ask again
  }, [running, path]);

  return {
    attempts: sorted,
    metadata: [...metadata.values()].sort((one, other) => one.ts_epoch - other.ts_epoch || one.id - other.id),
    loading: loaded.loading,
    factsKnown: facts.data !== undefined || facts.error !== undefined,
    error: loaded.error,
    again,
  };
}

/** Rows that were loaded, with the events of `resource` applied to them. */
function useEvents<T>(
  resource: string,
  rows: readonly T[] | undefined,
  keyOf: (row: T) => string,
  merge: (row: T, old: T | undefined) => T = (row) => row,
): Keyed<T> {
  const [state, setState] = useState<{ resource: string; rows: Keyed<T> }>({ resource, rows: new Map() });
  useEffect(() => {
    const change = (apply: (old: Keyed<T>) => Keyed<T>): void =>
      setState((old) => ({ resource, rows: apply(old.resource === resource ? old.rows : new Map<string, T>()) }));
    if (rows) change((old) => withRows(old, rows, keyOf));
    return subscribe<T>(resource, (event: LiveEvent<T>) =>
      change((old) => withEvents(old, [{ ...event, data: merge(event.data, old.get(keyOf(event.data))) }], keyOf)),
    );
    // eslint-disable-next-line react-hooks/exhaustive-deps -- keyOf and merge never change
  }, [resource, rows]);
  return state.resource === resource ? state.rows : new Map();
}

/** Events come without the label of a foreach task, which is worked out for requests only. */
function keepLabel(row: UITask, old: UITask | undefined): UITask {
  return { ...row, foreach_label: row.foreach_label ?? old?.foreach_label };
}
