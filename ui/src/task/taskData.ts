/** One task with its attempts, its metadata and its run: looked at until it is whole, and kept up to date by live events. */

import { useEffect, useMemo, useState } from "preact/hooks";

import {
  asApiError,
  type ApiError,
  fetchAttempts,
  fetchRun,
  fetchTaskMetadata,
  runPath,
  serverNow,
  taskPath,
  useLooking,
  type Phase,
  type UIMetadata,
  type UIRun,
  type UITask,
} from "../api";
import { subscribe, withEvents, withRows, type Keyed, type LiveEvent } from "../live";
import { useNow } from "../parts";
import { phaseOf } from "./phase";

/** The task that this one was taken over from by a resume. */
export interface Origin {
  run: string;
  task: string;
}

export interface TaskData {
  /** The newest first. */
  attempts: UITask[];
  /** The one that is asked for, or else the newest. */
  shown: UITask | undefined;
  metadata: UIMetadata[];
  origin: Origin | undefined;
  phase: Phase;
  /** Something was answered, so that what is missing is not there. */
  known: boolean;
  error: ApiError | undefined;
  again: () => void;
  /** To be called when the log of an attempt is whole. */
  onWhole: (attempt: number) => void;
}

interface Loaded {
  path: string;
  attempts?: UITask[];
  facts?: UIMetadata[];
  run?: UIRun;
  error?: ApiError;
  known: boolean;
}

const attemptKey = (task: UITask): string => String(task.attempt_id);
const metadataKey = (row: UIMetadata): string => String(row.id);
const runKey = (): string => "run";

/** Of a running task: its heartbeats and most of its metadata cause no events. */
const REFRESH_MS = 10_000;

export function useTask(flow: string, run: string, step: string, task: string, attempt: number | undefined): TaskData {
  const path = taskPath(flow, run, step, task);
  const [state, setState] = useState<Loaded>({ path, known: false });
  const loaded = state.path === path ? state : { path, known: false };
  const [asked, setAsked] = useState(0);
  const [whole, setWhole] = useState<ReadonlySet<string>>(new Set());

  const attempts = useRows(`${path}/attempts`, loaded.attempts, attemptKey, keepLabel);
  const metadata = useRows(`${path}/metadata`, loaded.facts, metadataKey);
  const ofRun = useMemo(() => loaded.run && [loaded.run], [loaded.run]);
  const runs = useRows(runPath(flow, run), ofRun, runKey);
  const sorted = [...attempts.values()].sort((one, other) => other.attempt_id - one.attempt_id);
  const shown = sorted.find((one) => one.attempt_id === attempt) ?? sorted[0];
  const facts = [...metadata.values()].sort((one, other) => one.ts_epoch - other.ts_epoch || one.id - other.id);
  const origin = originOf(facts);
  const known = { attempts: sorted, run: runs.get("run"), cloned: origin !== undefined };
  const logWhole = shown !== undefined && whole.has(`${path}/${shown.attempt_id}`);
  const waits = shown !== undefined && phaseOf(shown, { ...known, logWhole, now: 0 }) === "ending";
  useNow(waits); // a generous time passes
  const phase = shown ? phaseOf(shown, { ...known, logWhole, now: serverNow() }) : "running";

  const look = async (signal: AbortSignal): Promise<void> => {
    const answers = await Promise.allSettled([
      fetchAttempts(flow, run, step, task, signal),
      fetchTaskMetadata(flow, run, step, task, {}, signal),
      fetchRun(flow, run, signal),
    ]);
    if (signal.aborted) return;
    const [first, second, third] = answers;
    setState((old) => {
      const next: Loaded = { ...(old.path === path ? old : {}), path, known: true };
      if (first.status === "fulfilled") next.attempts = first.value;
      if (second.status === "fulfilled") next.facts = second.value;
      if (third.status === "fulfilled") next.run = third.value;
      delete next.error;
      if (first.status === "rejected") next.error = asApiError(first.reason);
      return next;
    });
  };
  useLooking(`${path} ${asked}`, phase, look, REFRESH_MS);

  return {
    attempts: sorted,
    shown,
    metadata: facts,
    origin,
    phase,
    known: loaded.known,
    error: loaded.error,
    again: () => setAsked((n) => n + 1),
    onWhole: (number) => {
      const name = `${path}/${number}`;
      setWhole((old) => (old.has(name) ? old : new Set([...old, name])));
    },
  };
}

function originOf(facts: readonly UIMetadata[]): Origin | undefined {
  const value = (field: string): string | undefined => {
    const found = facts.find((row) => row.field_name === field)?.value;
    return found && found !== "None" ? found : undefined;
  };
  const [run, task] = [value("origin-run-id"), value("origin-task-id")];
  return run !== undefined && task !== undefined ? { run, task } : undefined;
}

/** Rows that were loaded, with the events of `resource` applied to them. What was loaded counts from the very drawing in
 *  which it is there, so that none shows that nothing is. */
function useRows<T>(
  resource: string,
  rows: readonly T[] | undefined,
  keyOf: (row: T) => string,
  merge: (row: T, old: T | undefined) => T = (row) => row,
): Keyed<T> {
  const [state, setState] = useState<{ resource: string; from: readonly T[] | undefined; rows: Keyed<T> }>({
    resource,
    from: undefined,
    rows: new Map(),
  });
  const kept = state.resource === resource ? state : { resource, from: undefined, rows: new Map<string, T>() };
  const current = rows && kept.from !== rows ? { resource, from: rows, rows: withRows(kept.rows, rows, keyOf) } : kept;
  if (current !== state) setState(current);
  useEffect(
    () =>
      subscribe<T>(resource, (event: LiveEvent<T>) =>
        setState((old) => {
          if (old.resource !== resource) return old;
          const data = merge(event.data, old.rows.get(keyOf(event.data)));
          return { ...old, rows: withEvents(old.rows, [{ ...event, data }], keyOf) };
        }),
      ),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- keyOf and merge never change
    [resource],
  );
  return current.rows;
}

/** Events come without the label of a foreach task, which is worked out for requests only. */
function keepLabel(row: UITask, old: UITask | undefined): UITask {
  return { ...row, foreach_label: row.foreach_label ?? old?.foreach_label };
}
