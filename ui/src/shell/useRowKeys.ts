/** `j` and `k` move the focus from row to row of a table, so that Enter and screen readers follow it without more. */

import { useRef } from "preact/hooks";

import { useKeys } from "./keyboard";

/** `thing` is what a row is, for the help. Rows carry `data-key` and hold a link; `keys` has them all, in order. */
export function useRowKeys(thing: string, keys: () => readonly string[]) {
  const table = useRef<HTMLDivElement>(null);
  const at = useRef<string | null>(null);
  const latest = useRef(keys);
  latest.current = keys;

  const linkOf = (key: string): HTMLElement | null =>
    table.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"] a`) ?? null;
  const move = (step: number): void => {
    const all = latest.current();
    const old = at.current === null ? -1 : all.indexOf(at.current);
    const next = all[Math.min(Math.max(old + step, 0), all.length - 1)];
    if (next === undefined) return;
    at.current = next;
    const link = linkOf(next);
    link?.focus({ preventScroll: true });
    link?.closest("[data-key]")?.scrollIntoView({ block: "nearest" });
  };
  useKeys(
    [
      { keys: "j", label: `Next ${thing}`, run: () => move(1) },
      { keys: "k", label: `${thing.charAt(0).toUpperCase()}${thing.slice(1)} before`, run: () => move(-1) },
      { keys: "Enter", label: `Open the ${thing}`, run: () => at.current !== null && linkOf(at.current)?.click() },
    ],
    [thing],
  );
  return { table, at };
}
