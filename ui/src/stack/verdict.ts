/** What to say of the saved state, in words and in the colours of statuses. */

import type { StackMirror } from "../api";

export interface Verdict {
  kind: "completed" | "running" | "pending" | "failed";
  words: string;
}

const STATES: Record<string, Verdict> = {
  current: { kind: "completed", words: "Everything is saved" },
  "up to date": { kind: "completed", words: "Everything is saved" },
  starting: { kind: "running", words: "Saving is about to start" },
  behind: { kind: "pending", words: "Saving is behind: the drive is slower than the database" },
  waiting: { kind: "pending", words: "Nothing to save: the database does not answer" },
  degraded: { kind: "failed", words: "Saving fails at present" },
  fenced: { kind: "failed", words: "Another machine has taken over this root; nothing is saved from here" },
  stopped: { kind: "failed", words: "Saving has stopped" },
};

export function verdict(mirror: StackMirror): Verdict {
  const state = mirror.state ?? "unknown";
  const told = STATES[state] ?? { kind: "failed", words: `Saving is in the state “${state}”` };
  if (told.kind === "completed" && mirror.degraded_since !== null) return { kind: "failed", words: "Saving fails at present" };
  return told;
}
