/** Looking on until a thing is whole. Metaflow writes logs, artifacts and the last pages of cards for seconds after it
 * has said how an attempt ended, and none of it causes an event: whoever shows such a thing asks again by this one rule. */

import { useEffect, useRef } from "preact/hooks";

import { generation } from "./reach";

/** Of an attempt: it runs; it has ended and may still be writing; nothing of it will change any more. */
export type Phase = "running" | "ending" | "whole";

const RUNNING_MS = 1500;
const ENDING_MS = 1000;
/** From when on a thing that is not whole yet is looked at now and then only. */
const SLOW_AFTER_MS = 120_000;
const SLOW_MS = 10_000;
/** What was read at the moment at which it became whole may have been read a moment before. */
const ONCE_MORE_MS = 1000;

/** Calls `look` now, again while the thing named by `key` changes, and twice more when it is whole.
 *  `everyMs`: how long to wait between two looks while it runs, for what events tell of meanwhile. */
export function useLooking(
  key: string,
  phase: Phase,
  look: (signal: AbortSignal) => Promise<void>,
  everyMs = RUNNING_MS,
): void {
  const latest = useRef(look);
  latest.current = look;
  const changing = useRef<string | null>(null);
  const turn = generation.value;
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    void goOn(signal, phase, changing.current === key, everyMs, () => latest.current(signal));
    if (phase !== "whole") changing.current = key;
    return () => controller.abort();
  }, [key, phase, turn, everyMs]);
}

async function goOn(
  signal: AbortSignal,
  phase: Phase,
  changed: boolean,
  everyMs: number,
  look: () => Promise<void>,
): Promise<void> {
  const began = performance.now();
  const over = (): boolean => signal.aborted;
  await look();
  if (phase === "whole") {
    if (!changed) return;
    await wait(ONCE_MORE_MS);
    if (!over()) await look();
    return;
  }
  while (!over()) {
    const slow = phase === "ending" && performance.now() - began > SLOW_AFTER_MS;
    await wait(slow ? SLOW_MS : phase === "running" ? everyMs : ENDING_MS);
    if (!over() && !document.hidden) await look();
  }
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
