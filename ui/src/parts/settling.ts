/** The parts of the page appear from top to bottom, each once those above are as high as they will be: none jumps. */

import { createContext } from "preact";
import { useContext, useEffect, useMemo, useState } from "preact/hooks";

interface Settling {
  settle: (part: string) => void;
}

export const SettlingContext = createContext<Settling>({ settle: () => undefined });

/** `parts` from top to bottom. What comes below the one that `hides` is asked about is seen once that has settled. */
export function useSettling(parts: readonly string[]): { settling: Settling; hides: (part: string) => boolean } {
  const [settled, setSettled] = useState<ReadonlySet<string>>(new Set());
  const settling = useMemo(
    () => ({ settle: (part: string) => setSettled((old) => (old.has(part) ? old : new Set([...old, part]))) }),
    [],
  );
  const first = parts.findIndex((part) => !settled.has(part));
  return { settling, hides: (part) => first >= 0 && parts.indexOf(part) >= first };
}

/** Called by a part: whether it has all that decides how high it is. */
export function useSettled(part: string, ready: boolean): void {
  const { settle } = useContext(SettlingContext);
  useEffect(() => {
    if (!ready) return;
    const frame = requestAnimationFrame(() => settle(part)); // heights of lines are measured when they are drawn
    return () => cancelAnimationFrame(frame);
  }, [ready, part, settle]);
}
