import type { StackMirror } from "../api";

const STATES: Record<string, string> = {
  "up to date": "Everything is saved",
  behind: "Catching up",
  degraded: "Saving does not work at present",
  stopped: "Saving has stopped",
};
const LATE_MS = 60_000; // an idle database is saved again well within this

/** What to say of the mirror, and whether it is good news. `age` (ms): since the last save. */
export function verdict(mirror: StackMirror, age: number | null): { good: boolean; words: string } {
  const state = mirror.state ?? "unknown";
  const words = STATES[state] ?? `State: ${state}`;
  const good = mirror.degraded_since === null && (state === "up to date" || (state === "behind" && age !== null && age < LATE_MS));
  return { good, words: state === "up to date" && mirror.degraded_since !== null ? "Saving is degraded" : words };
}
