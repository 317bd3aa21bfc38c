/** Where an attempt is: whether it runs, may still be writing, or is whole. Pure. */

import type { Phase, UIRun, UITask } from "../api";

/** How long after the end of a run what its tasks wrote may still come in: longer than a card may take (45 s). */
export const GENEROUS_MS = 90_000;

export interface Known {
  /** All attempts, the newest first. */
  attempts: readonly UITask[];
  run: UIRun | undefined;
  /** Its log is known to be handed over, which whatever started the task does last. */
  logWhole: boolean;
  /** A resume has taken it over, so that it has never run. */
  cloned: boolean;
  /** By the clock of the server. */
  now: number;
}

export const isRunning = (task: UITask): boolean => task.status === "running" || task.status === "pending";

export function phaseOf(shown: UITask, { attempts, run, logWhole, cloned, now }: Known): Phase {
  if (isRunning(shown)) return "running";
  if (logWhole || cloned) return "whole";
  const next = attempts.find((one) => one.attempt_id === shown.attempt_id + 1);
  const ends = [next && (next.started_at ?? next.ts_epoch), run && run.status !== "running" ? runEnd(run) : undefined];
  return ends.some((end) => typeof end === "number" && now - end > GENEROUS_MS) ? "whole" : "ending";
}

/** When a run that is over was heard of last. */
function runEnd(run: UIRun): number {
  return run.finished_at ?? (run.last_heartbeat_ts === null ? run.ts_epoch : run.last_heartbeat_ts * 1000);
}
