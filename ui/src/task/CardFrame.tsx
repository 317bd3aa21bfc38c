/** One card in a frame of its own, which may run scripts but can reach nothing of this page. It is told what changes. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { cardAddress, fetchCardData, reachable, withQuery, type Card, type CardData, type Phase } from "../api";
import { Icon } from "../parts";
import { KIND, readSaid, whatToDo } from "./bridge";
import type { Place } from "./Section";

/** A page that has loaded and says nothing is shown all the same after this. */
const UNHEARD_MS = 2500;
const TRIES = 5;
const TRY_AGAIN_MS = 400; // a page that stands may not have set itself up yet

interface Props {
  place: Place;
  card: Card;
  phase: Phase;
  /** What to call the attempt that has made it, where it is not the one that is looked at. */
  label?: string | undefined;
  /** Loaded at once, and not only when it is about to be seen. */
  eager: boolean;
  /** It is as high as it will be, for now. */
  onSized: () => void;
}

export function CardFrame({ place, card, phase, label, eager, onSized }: Props) {
  const { flow, run, step, task } = place;
  const address = cardAddress(flow, run, step, task, card.hash);
  const name = card.id ? `${card.type}: ${card.id}` : card.type;
  const bridged = card.version !== undefined; // an official backend's pages say nothing
  const data = useCardData(place, card);
  const [stale, setStale] = useState("");
  // Another page is loaded when its file has changed, or when its data says that they belong to another one.
  const wanted = `${card.version ?? phase} ${stale}`;
  const [shown, setShown] = useState(wanted);
  const [height, setHeight] = useState<number | undefined>(undefined);
  const pages = wanted === shown ? [wanted] : [shown, wanted];
  return (
    <figure class="task-card">
      <figcaption class="card-head">
        <span class="cut" title={name}>
          <bdi>{name}</bdi>
          {label && <span class="soft"> · {label}</span>}
        </span>
        {phase === "running" && reachable.value && card.data_version && <span class="soft card-live">live</span>}
        <a class="button" href={`${address}?download=true`} download>
          Download
        </a>
        <a class="button" href={address} target="_blank" rel="noopener noreferrer">
          <Icon name="link" size={14} /> Open alone
        </a>
      </figcaption>
      {/* Without allow-same-origin: what a card holds was written by a flow, and must not act in the user's name.
          A newer page is loaded behind the one that is shown, so that nothing flickers. */}
      <div class={`card-sizer${bridged ? " is-fitted" : ""}`} style={bridged && height ? { height: `${height}px` } : {}}>
        {pages.map((one) => (
          <Frame
            key={one}
            title={`Card ${name}`}
            src={withQuery(address, { embed: true, invalidate: true, bridge: 1, turn: one })}
            shown={one === shown}
            eager={eager}
            bridged={bridged}
            data={data}
            onStands={() => {
              if (one === wanted) setShown(one); // one that is no longer wanted does not come back
            }}
            onHeight={(pixels) => {
              if (one !== wanted) return;
              setHeight(pixels);
              onSized();
            }}
            onStale={(token) => setStale(token)}
          />
        ))}
      </div>
    </figure>
  );
}

/** The newest live data of a card: asked for when the list of cards says that there are others. */
function useCardData({ flow, run, step, task }: Place, card: Card): CardData | undefined {
  const [data, setData] = useState<CardData | undefined>(undefined);
  useEffect(() => {
    if (!card.data_version) return;
    const controller = new AbortController();
    fetchCardData(flow, run, step, task, card.hash, { invalidate: true }, controller.signal).then(
      (found) => setData(found),
      () => undefined, // being written at this moment: then there is another version in a moment
    );
    return () => controller.abort();
  }, [flow, run, step, task, card.hash, card.data_version]);
  return data;
}

interface FrameProps {
  title: string;
  src: string;
  shown: boolean;
  eager: boolean;
  /** It says what it is, and takes what changes. */
  bridged: boolean;
  data: CardData | undefined;
  /** It shows what is known, and may take the place of an older page. */
  onStands: () => void;
  onHeight: (pixels: number) => void;
  onStale: (token: string) => void;
}

function Frame({ title, src, shown, eager, bridged, data, onStands, onHeight, onStale }: FrameProps) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [page, setPage] = useState<{ token: string | null; updates: boolean } | null>(null);
  const [refused, setRefused] = useState(0);
  const [loaded, setLoaded] = useState(false);
  const told = useRef({ onHeight, onStale, onStands });
  told.current = { onHeight, onStale, onStands };

  useLayoutEffect(() => {
    const hear = (event: MessageEvent): void => {
      if (event.source === null || event.source !== frame.current?.contentWindow) return;
      const said = readSaid(event.data);
      if (!said) return;
      if (said.height !== undefined) told.current.onHeight(said.height);
      const { token = null, updates = false } = said;
      if (said.ready || said.answers !== undefined)
        setPage((old) => (old?.token === token && old.updates === updates ? old : { token, updates }));
      if (said.taken === false) setRefused((n) => n + 1);
      if (said.taken) told.current.onStands();
    };
    window.addEventListener("message", hear);
    return () => window.removeEventListener("message", hear);
  }, []);

  const tries = Math.min(refused, TRIES);
  useEffect(() => {
    if (!page) return;
    const act = data ? whatToDo(page, data) : "nothing";
    // A page is as old as its layout: it does not take the place of another before it has taken what has changed since,
    // or when it is known already that one more has to be loaded.
    if (act === "nothing" || refused >= TRIES) told.current.onStands();
    if (!data) return;
    if (act === "load") told.current.onStale(data.reload_token ?? "");
    if (act !== "post") return;
    // The frame's origin is opaque, and cannot be named. What is posted is the card's own.
    const post = (): void => frame.current?.contentWindow?.postMessage({ kind: KIND, number: tries, data: data.data }, "*");
    const timer = setTimeout(post, tries > 0 ? TRY_AGAIN_MS : 0);
    return () => clearTimeout(timer);
  }, [page, data, tries]);

  useEffect(() => {
    if (!loaded || page) return;
    const timer = setTimeout(() => told.current.onStands(), bridged ? UNHEARD_MS : 0);
    return () => clearTimeout(timer);
  }, [loaded, page, bridged]);

  return (
    <iframe
      ref={frame}
      class={`card-frame${shown ? "" : " is-coming"}`}
      title={title}
      src={src}
      sandbox="allow-scripts"
      referrerpolicy="no-referrer"
      loading={eager ? "eager" : "lazy"}
      aria-hidden={!shown}
      tabIndex={shown ? 0 : -1}
      onLoad={() => setLoaded(true)}
    />
  );
}
