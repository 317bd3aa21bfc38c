/** Keys and what they do. A view gives its own with `useKeys`; the help lists all that are in force. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export interface Key {
  /** As one types it: `j`, `Enter`, `g h` (one after the other), `?`. */
  keys: string;
  label: string;
  run: () => void;
}

const SECOND_KEY_WITHIN_MS = 1200;

const layers = signal<readonly { keys: readonly Key[] }[]>([]);
let first = "";
let firstAt = 0;

export const keysInForce = (): Key[] => layers.value.flatMap((layer) => layer.keys);

export function useKeys(keys: readonly Key[], dependencies: readonly unknown[]): void {
  useEffect(() => {
    const layer = { keys };
    layers.value = [...layers.peek(), layer];
    return () => {
      layers.value = layers.peek().filter((other) => other !== layer);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the caller says what its keys depend on
  }, dependencies);
}

/** The key to run for what was typed, given the key typed shortly before ("" if none). The newest layer wins. */
export function match<T extends { keys: string }>(keys: readonly T[], before: string, typed: string): T | undefined {
  const found = (text: string): T | undefined => keys.findLast((key) => key.keys === text);
  return (before ? found(`${before} ${typed}`) : undefined) ?? found(typed);
}

export function listenToKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented || takesText(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    // A link or button that has the focus does its own thing with Enter.
    if (event.key === "Enter" && event.target instanceof Element && event.target.closest("a, button")) return;
    const before = event.timeStamp - firstAt < SECOND_KEY_WITHIN_MS ? first : "";
    const key = match(keysInForce(), before, event.key);
    first = key ? "" : event.key;
    firstAt = event.timeStamp;
    if (!key) return;
    event.preventDefault();
    key.run();
  });
}

const takesText = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
