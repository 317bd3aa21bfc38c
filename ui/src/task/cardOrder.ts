/** Which of a task's cards belong to the attempt that is looked at. Pure. */

import type { Card } from "../api";

export interface Ordered {
  /** Of the attempt; and those of which nobody knows who made them. */
  own: Card[];
  /** Of other attempts, the newest first. */
  others: Card[];
  /** The path of the task that made them, where a resume has taken this one over. */
  origin: string | undefined;
}

/** `attempt` is the one that is looked at. Of a task that was taken over, what its origin did last counts. */
export function byAttempt(cards: readonly Card[], attempt: number): Ordered {
  const origin = cards.find((card) => card.origin)?.origin ?? undefined;
  const wanted = origin === undefined ? attempt : Math.max(...cards.map((card) => card.attempt_id ?? 0));
  const isOwn = (card: Card): boolean => card.attempt_id === undefined || card.attempt_id === null || card.attempt_id === wanted;
  return {
    own: cards.filter(isOwn),
    others: cards.filter((card) => !isOwn(card)).sort((one, other) => (other.attempt_id ?? 0) - (one.attempt_id ?? 0)),
    origin,
  };
}
