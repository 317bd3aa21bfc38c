/** The cards of a task: those of the attempt that is looked at, then those of others. */

import { useEffect, useState } from "preact/hooks";

import { asApiError, ApiError, fetchCards, useLooking, type Card, type Phase } from "../api";
import { useSettled } from "../parts";
import { CardFrame } from "./CardFrame";
import { byAttempt } from "./cardOrder";
import { Section, type Place } from "./Section";

/** So many are loaded at once; what is below them is loaded when it is scrolled to. */
const EAGER = 2;
/** What is below is not held back longer than this for cards to say how high they are. */
const SIZING_MS = 3000;

export function Cards({ place, phase }: { place: Place; phase: Phase }) {
  const { cards, looked, error } = useCards(place, phase);
  const { own, others, origin } = byAttempt(cards, place.attempt);
  const [sized, setSized] = useState(false);
  useEffect(() => {
    if (!looked) return;
    const timer = setTimeout(() => setSized(true), SIZING_MS);
    return () => clearTimeout(timer);
  }, [looked]);
  const first = own[0];
  useSettled("cards", looked && (sized || !first || first.version === undefined));
  const frame = (card: Card, index: number, label?: string) => (
    <CardFrame
      key={card.hash}
      place={place}
      card={card}
      phase={phase}
      label={label}
      eager={index < EAGER}
      onSized={() => setSized(true)}
    />
  );
  return (
    <Section id="cards" title="Cards" count={own.length}>
      {origin && own.length > 0 && <p class="soft card-origin">Made by the task that this one was cloned from.</p>}
      {own.map((card, index) => frame(card, index))}
      {own.length === 0 && <p class="soft">{none(phase, error, looked)}</p>}
      {others.length > 0 && (
        <Others count={others.length}>
          {() => others.map((card) => frame(card, EAGER, `attempt ${card.attempt_id ?? "unknown"}`))}
        </Others>
      )}
    </Section>
  );
}

/** What is known where there are no cards. It must not claim more. */
function none(phase: Phase, error: ApiError | undefined, looked: boolean): string {
  if (error && !error.notFound) return `Could not look for cards: ${error.detail}`;
  if (!looked) return "";
  return phase === "whole" ? "This attempt has no cards." : "No cards yet.";
}

function Others({ count, children }: { count: number; children: () => preact.ComponentChildren }) {
  const [open, setOpen] = useState(false);
  return (
    <div class="card-others">
      <button type="button" class="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? "Hide" : "Show"} {count} {count === 1 ? "card" : "cards"} of other attempts
      </button>
      {open && children()}
    </div>
  );
}

function useCards({ flow, run, step, task }: Place, phase: Phase) {
  const key = JSON.stringify(["cards", flow, run, step, task]);
  const [state, setState] = useState<{ key: string; cards: Card[]; looked: boolean; error?: ApiError }>({
    key,
    cards: [],
    looked: false,
  });
  const look = async (signal: AbortSignal): Promise<void> => {
    try {
      const { rows } = await fetchCards(flow, run, step, task, { invalidate: true }, signal);
      if (signal.aborted) return;
      const same = (old: Card[]): boolean => JSON.stringify(old) === JSON.stringify(rows);
      setState((old) => ({ key, cards: old.key === key && same(old.cards) ? old.cards : rows, looked: true }));
    } catch (reason) {
      if (signal.aborted) return;
      const error = asApiError(reason);
      setState((old) => ({ ...(old.key === key ? old : { cards: [] }), key, looked: true, error }));
    }
  };
  useLooking(key, phase, look);
  return state.key === key ? state : { cards: [], looked: false, error: undefined };
}
