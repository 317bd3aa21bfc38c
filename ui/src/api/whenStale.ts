/** For what loads outside of a view: tells it when what it has may have gone stale. */

import { effect, untracked } from "@preact/signals";

import { generation } from "./reach";

/** Calls `again` at each change of the generation from now on, until the returned function is called. */
export function whenStale(again: () => void): () => void {
  let last = generation.peek();
  return effect(() => {
    if (generation.value === last) return;
    last = generation.value;
    untracked(again);
  });
}
