/** Where a run belongs among those already shown. */

import type { UIRun } from "../api";
import type { LiveEvent } from "../live";
import type { GroupBy, Order } from "./filters";

export const keyOf = (run: UIRun): string => `${run.flow_id}/${run.run_number}`;

const valueOf = (run: UIRun, column: string): string | number | null => {
  const value = run[column as keyof UIRun];
  return typeof value === "string" || typeof value === "number" ? value : null;
};

/** Negative if `a` is shown before `b`. Like the database: nulls first when descending, last when ascending. */
export function compare(a: UIRun, b: UIRun, { column, descending }: Order): number {
  const [left, right] = [valueOf(a, column), valueOf(b, column)];
  const sign = descending ? -1 : 1;
  if (left === right) return 0;
  if (left === null) return sign;
  if (right === null) return -sign;
  return left < right ? -sign : sign;
}

/**
 * The rows after some live events. Changed rows stay where they are, so that nothing jumps under the reader's hand;
 * new ones go where the order puts them, if that is within what has been loaded (`complete`: everything has).
 */
export function withLive(
  rows: readonly UIRun[],
  events: readonly LiveEvent<UIRun>[],
  order: Order,
  complete: boolean,
  belongs: (run: UIRun) => boolean,
): UIRun[] {
  const next = [...rows];
  const places = new Map(next.map((run, index) => [keyOf(run), index]));
  const gone = new Set<string>();
  const added = new Map<string, UIRun>();
  for (const { type, data } of events) {
    const key = keyOf(data);
    const index = places.get(key);
    if (type === "DELETE" || !belongs(data)) {
      gone.add(key);
      added.delete(key);
      continue;
    }
    gone.delete(key);
    if (index !== undefined) next[index] = data;
    else added.set(key, data);
  }
  const kept = gone.size ? next.filter((run) => !gone.has(keyOf(run))) : next;
  for (const run of added.values()) {
    const index = kept.findIndex((other) => compare(run, other, order) < 0);
    if (index >= 0) kept.splice(index, 0, run);
    else if (complete) kept.push(run);
  }
  return kept;
}

export interface Group {
  /** Null: the runs without one. */
  name: string | null;
  runs: UIRun[];
}

/** The flat rows of a grouped answer as groups, by name; those without one come last. */
export function grouped(rows: readonly UIRun[], by: GroupBy): Group[] {
  const groups = new Map<string | null, Group>();
  for (const run of rows) {
    const name = run[by];
    let group = groups.get(name);
    if (!group) groups.set(name, (group = { name, runs: [] }));
    group.runs.push(run);
  }
  return [...groups.values()].sort((a, b) =>
    a.name === null ? 1 : b.name === null ? -1 : a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
  );
}

export type Item =
  | { kind: "run"; key: string; run: UIRun }
  | { kind: "group"; key: string; name: string | null; more: boolean };

/** What the list shows, line by line. A group shows `most` runs, and says whether it has more. */
export function itemsOf(rows: readonly UIRun[], by: GroupBy | undefined, most: number): Item[] {
  const line = (run: UIRun): Item => ({ kind: "run", key: keyOf(run), run });
  if (!by) return rows.map(line);
  return grouped(rows, by).flatMap(({ name, runs }) => [
    { kind: "group", key: `group ${name ?? ""}`, name, more: runs.length > most },
    ...runs.slice(0, most).map(line),
  ]);
}
