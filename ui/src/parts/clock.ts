/** The time, as a signal that ticks while something that shows it is on the screen. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

const TICK_MS = 1000;

export const now = signal(Date.now());
let users = 0;
let ticking: ReturnType<typeof setInterval> | undefined;

/** The current time in ms; the component renders again each second while `running`. */
export function useNow(running = true): number {
  useEffect(() => {
    if (!running) return;
    if (users++ === 0) {
      now.value = Date.now();
      ticking = setInterval(() => (now.value = Date.now()), TICK_MS);
    }
    return () => {
      if (--users === 0) clearInterval(ticking);
    };
  }, [running]);
  return running ? now.value : now.peek();
}
