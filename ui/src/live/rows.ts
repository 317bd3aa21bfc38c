/** A set of rows that live events change: keyed, so that an event costs the same however many rows there are. */

import type { LiveEvent } from "./socket";

export type Keyed<T> = ReadonlyMap<string, T>;

/** A new map with the rows put in; rows of the same key are replaced in place. */
export function withRows<T>(old: Keyed<T>, rows: readonly T[], keyOf: (row: T) => string): Keyed<T> {
  const next = new Map(old);
  for (const row of rows) next.set(keyOf(row), row);
  return next;
}

/** A new map with the events applied in order. */
export function withEvents<T>(old: Keyed<T>, events: readonly LiveEvent<T>[], keyOf: (row: T) => string): Keyed<T> {
  const next = new Map(old);
  for (const { type, data } of events) {
    if (type === "DELETE") next.delete(keyOf(data));
    else next.set(keyOf(data), data);
  }
  return next;
}
