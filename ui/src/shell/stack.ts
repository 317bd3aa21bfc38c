/** Whether a stack of ours is behind this page. An official backend answers 404, and then nothing is said of one. */

import { effect, signal } from "@preact/signals";

import { ApiError, fetchStack, generation, type StackInfo } from "../api";

/** undefined: not known yet; null: there is none. */
export const stack = signal<StackInfo | null | undefined>(undefined);

export function lookForStack(): void {
  effect(() => {
    if (generation.value < 0 || stack.peek()) return; // reading it makes this run again after an outage
    fetchStack().then(
      (info) => (stack.value = info),
      (reason: unknown) => {
        if (reason instanceof ApiError && !reason.unreachable) stack.value = null;
      },
    );
  });
}
