/** Many events, few renderings: collects what comes and hands it on once per frame, or less often. */

const HIDDEN_WAIT_MS = 500; // a hidden tab gets no frames

export interface Batch<T> {
  add: (item: T) => void;
  /** Forgets what waits, and takes no more. */
  drop: () => void;
}

/** `everyMs`: the least time between two handings-on; 0 is each frame. */
export function batched<T>(apply: (items: T[]) => void, everyMs = 0): Batch<T> {
  let waiting: T[] = [];
  let due = false;
  let dropped = false;
  let lastAt = -Infinity;
  const flush = (): void => {
    due = false;
    if (dropped || waiting.length === 0) return;
    lastAt = performance.now();
    const items = waiting;
    waiting = [];
    apply(items);
  };
  return {
    add(item) {
      if (dropped) return;
      waiting.push(item);
      if (due) return;
      due = true;
      const wait = document.hidden ? HIDDEN_WAIT_MS : everyMs - (performance.now() - lastAt);
      if (wait > 0) setTimeout(flush, wait);
      else requestAnimationFrame(flush);
    },
    drop() {
      dropped = true;
      waiting = [];
    },
  };
}
