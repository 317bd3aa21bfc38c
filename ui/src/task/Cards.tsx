/** The cards of a task, each in a frame of its own that may run scripts but can reach nothing of this page. */

import { useEffect, useState } from "preact/hooks";

import { ApiError, cardAddress, fetchCardData, fetchCards, type Card } from "../api";
import { Icon, useSettled } from "../parts";
import { Section, type Place } from "./Section";

/** Cards are looked for while the task runs, and a little longer: the last is written after the task's end. */
const LOOK_MS = 2000;
const LOOKS_AFTER_END = 4;
const LIVE_MS = 3000;

export function Cards({ place, running }: { place: Place; running: boolean }) {
  const { cards, looking, looked, error } = useCards(place, running);
  useSettled("cards", looked);
  return (
    <Section id="cards" title="Cards" count={cards.length}>
      {cards.map((card) => (
        <CardFrame key={card.hash} place={place} card={card} running={running} />
      ))}
      {cards.length === 0 && (
        <p class="soft">
          {error && !error.notFound
            ? `Could not look for cards: ${error.detail}`
            : looking
              ? "No cards yet."
              : "This task has no cards."}
        </p>
      )}
    </Section>
  );
}

function useCards({ flow, run, step, task }: Place, running: boolean) {
  const [cards, setCards] = useState<Card[]>([]);
  const [looking, setLooking] = useState(true);
  const [looked, setLooked] = useState(false);
  const [error, setError] = useState<ApiError | undefined>(undefined);
  useEffect(() => {
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    let left = running ? Infinity : LOOKS_AFTER_END;
    const look = async (): Promise<void> => {
      let found = 0;
      try {
        const { rows } = await fetchCards(flow, run, step, task, { invalidate: true }, controller.signal);
        found = rows.length;
        setCards((old) => (old.length === rows.length && old.every((one, i) => one.hash === rows[i]!.hash) ? old : rows));
        setError(undefined);
      } catch (reason) {
        if (controller.signal.aborted) return;
        if (reason instanceof ApiError) setError(reason);
      }
      setLooked(true);
      left--;
      const goOn = running || (found === 0 && left > 0);
      setLooking(goOn);
      if (goOn) timer = setTimeout(() => void look(), LOOK_MS);
    };
    void look();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [flow, run, step, task, running]);
  return { cards, looking, looked, error };
}

function CardFrame({ place, card, running }: { place: Place; card: Card; running: boolean }) {
  const { flow, run, step, task } = place;
  const turn = useLiveTurn(place, card, running);
  const [shown, setShown] = useState(turn);
  const address = cardAddress(flow, run, step, task, card.hash);
  const name = card.id ? `${card.type}: ${card.id}` : card.type;
  return (
    <figure class="task-card">
      <figcaption class="card-head">
        <span class="cut" title={name}>
          <bdi>{name}</bdi>
        </span>
        {running && <span class="soft">updates while the task runs</span>}
        <a class="button" href={address} target="_blank" rel="noopener noreferrer">
          <Icon name="link" size={14} /> Open alone
        </a>
      </figcaption>
      <div class="card-sizer">
        {/* Without allow-same-origin: what a card holds was written by a flow, and must not act in the user's name.
            A newer state is loaded behind the one that is shown, so that nothing flickers. */}
        {(turn === shown ? [turn] : [shown, turn]).map((one) => (
          <iframe
            key={one}
            class={`card-frame${one === shown ? "" : " is-coming"}`}
            title={`Card ${name}`}
            src={`${address}?embed=true&invalidate=true${one ? `&turn=${one}` : ""}`}
            sandbox="allow-scripts"
            referrerpolicy="no-referrer"
            loading="lazy"
            aria-hidden={one !== shown}
            tabIndex={one === shown ? 0 : -1}
            onLoad={() => setShown(one)}
          />
        ))}
      </div>
    </figure>
  );
}

/** Grows each time the data of a live card has changed; a card that is none, or is done, stays at rest. */
function useLiveTurn({ flow, run, step, task }: Place, card: Card, running: boolean): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!running) {
      // What was drawn while it ran may be older than the end.
      setTurn((n) => (n > 0 ? n + 1 : n));
      return;
    }
    const controller = new AbortController();
    let last: string | null = null;
    const look = async (): Promise<void> => {
      if (document.hidden) return;
      try {
        const { data } = await fetchCardData(flow, run, step, task, card.hash, { invalidate: true }, controller.signal);
        const text = JSON.stringify(data);
        if (last !== null && text !== last) setTurn((n) => n + 1);
        last = text;
      } catch {
        return; // no live data: not a card that changes, or not at this moment
      }
    };
    void look();
    const timer = setInterval(() => void look(), LIVE_MS);
    return () => {
      controller.abort();
      clearInterval(timer);
    };
  }, [flow, run, step, task, card.hash, running]);
  return turn;
}
