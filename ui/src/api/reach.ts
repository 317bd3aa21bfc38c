/** Whether the backend answers. When it stops, it is asked again until it does, and then every view loads anew. */

import { signal } from "@preact/signals";

import { apiAddress } from "./places";

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 8000;

export const reachable = signal(true);
/** Grows by one whenever what is on the screen may have gone stale: views that load depend on it. */
export const generation = signal(0);

let asking = false;

/** How far the server's clock is ahead of ours, in milliseconds; good to a second. */
let ahead = 0;

/** `date` is the answer's own, where it can be read. */
export function answered(date: string | null = null): void {
  reachable.value = true;
  const there = Date.parse(date ?? "");
  if (!Number.isNaN(there)) ahead = there - Date.now();
}

/** The time by the clock that wrote the times of runs and tasks. */
export const serverNow = (): number => Date.now() + ahead;

export function stale(): void {
  generation.value++;
}

export function unanswered(): void {
  reachable.value = false;
  if (!asking) void askUntilAnswered();
}

/** Asks once, for those who have a reason to doubt. */
export async function check(): Promise<void> {
  if (!(await pings())) unanswered();
}

async function askUntilAnswered(): Promise<void> {
  asking = true;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 1.5, LONGEST_WAIT_MS)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (await pings()) break;
  }
  asking = false;
  reachable.value = true;
  stale();
}

async function pings(): Promise<boolean> {
  try {
    return (await fetch(`${apiAddress()}/ping`, { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
