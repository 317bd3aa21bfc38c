/** What is known of tasks beside their attempts, and how long their cards were in the making after their end. Pure. */

import type { StepBar } from "./rows";

export interface RunFacts {
  /** `countries=de` by task id. */
  foreach: ReadonlyMap<number, string>;
  /** Ids of tasks whose exception `@catch` has caught. */
  caught: ReadonlySet<number>;
  /** When the last card of an attempt was registered, in ms, by `task/attempt`. */
  carded: ReadonlyMap<string, number>;
}

/** More than this is not compared with each other: then only what cards themselves say counts. */
const MOST_SEGMENTS = 2000;

/** Until when, in ms, the cards of attempts were made, by `task/attempt`, where that was after the attempt's end.
 *
 *  A card is registered when it is first drawn, and drawn again after the end, which nothing records. But the next task is
 *  asked for once that is done: where nothing else ran in between, the whole time in between was the cards'. */
export function cardsUntil(steps: readonly StepBar[], carded: ReadonlyMap<string, number>): Map<string, number> {
  const until = new Map<string, number>();
  if (carded.size === 0) return until;
  const segments = steps.flatMap((step) => step.tasks.flatMap((task) => task.segments));
  const compared = segments.length <= MOST_SEGMENTS;
  for (const segment of segments) {
    const { end, attempt, status } = segment;
    const key = `${attempt.task_id}/${attempt.attempt_id}`;
    const registered = carded.get(key);
    if (registered === undefined || end === null) continue;
    let last = registered;
    if (compared && status === "completed") {
      const next = segments.reduce((least, other) => (other.asked > end ? Math.min(least, other.asked) : least), Infinity);
      const others = segments.some((other) => other !== segment && other.start < next && (other.end ?? Infinity) > end);
      if (Number.isFinite(next) && !others) last = Math.max(last, next);
    }
    if (last > end) until.set(key, last);
  }
  return until;
}
