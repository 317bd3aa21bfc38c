/** Many events, few renderings: collects what comes and hands it on once per frame. */

const HIDDEN_WAIT_MS = 500; // a hidden tab gets no frames

export function batched<T>(apply: (items: T[]) => void): { add: (item: T) => void; drop: () => void } {
  let waiting: T[] = [];
  let due = false;
  let dropped = false;
  const flush = (): void => {
    due = false;
    if (dropped || waiting.length === 0) return;
    const items = waiting;
    waiting = [];
    apply(items);
  };
  return {
    add(item) {
      waiting.push(item);
      if (due) return;
      due = true;
      if (document.hidden) setTimeout(flush, HIDDEN_WAIT_MS);
      else requestAnimationFrame(flush);
    },
    drop() {
      dropped = true;
      waiting = [];
    },
  };
}
