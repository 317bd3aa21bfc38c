import type { StackMirror } from "../api";

const STATES: Record<string, string> = {
  starting: "The first save is under way",
  current: "Everything is saved",
  behind: "Catching up",
  waiting: "Waiting for the database",
  degraded: "Saving does not work at present",
  fenced: "Another machine has taken over",
  stopped: "Saving has stopped",
  "not running": "Nobody saves at present",
};
const LATE_MS = 60_000; // an idle database is saved again well within this

/** What to say of the mirror, and whether it is good news. `age` (ms): since the last save. */
export function verdict(mirror: StackMirror, age: number | null): { good: boolean; words: string } {
  const state = mirror.state ?? "unknown";
  const words = STATES[state] ?? `State: ${state}`;
  const fine = mirror.degraded_since === null && (state === "current" || state === "starting");
  const good = fine || (state === "behind" && age !== null && age < LATE_MS);
  return { good, words: state === "current" && !fine ? "Saving is degraded" : words };
}
