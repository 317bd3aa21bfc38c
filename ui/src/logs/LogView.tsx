/** A log as a terminal would show it: follows its end while the task runs, and lets go when one scrolls up to read. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { logDownloadAddress } from "../api";
import { CopyButton, Failure, formatCount, Icon, useSettled } from "../parts";
import { plain } from "./ansi";
import { cells, Heights } from "./heights";
import { Line, LONGEST_SHOWN } from "./Line";
import { MOST_LINES, type LogStore } from "./store";
import { useLog, type LogSource } from "./useLog";
import "./logs.css";

const LINE_PX = 18;
const SPARE_LINES = 20;
const SEARCH_WAIT_MS = 200;
const AT_END_PX = 4;
const NAMES = { out: "stdout", err: "stderr" };

interface Props {
  source: LogSource;
  running: boolean;
}

export function LogView({ source, running }: Props) {
  const log = useLog(source, running);
  const { store, version } = log;
  const [wrap, setWrap] = useState(true);
  const [times, setTimes] = useState(false);
  const [chosen, setChosen] = useState<number | null>(null);
  const [following, setFollowing] = useState(true);
  const search = useSearch(store, version, log.loadAll);
  const pane = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLSpanElement>(null);
  const [view, setView] = useState({ top: 0, height: 400, width: 800 });
  const [corrections, setCorrections] = useState(0);
  const name = NAMES[source.stream];

  const charPx = (probe.current?.getBoundingClientRect().width ?? 72) / 10 || 7.2;
  const digits = String(store.total).length;
  const gutterPx = (digits + 3) * charPx + (times ? 13 * charPx : 0) + 10;
  const columns = wrap ? Math.max(10, Math.floor((view.width - gutterPx - 14) / charPx)) : 0;
  const heights = useHeights(store, version, columns);
  const count = store.total - store.first;
  const topOf = (index: number): number => (heights ? heights.top(index) : index * LINE_PX);
  const height = heights ? heights.total : count * LINE_PX;
  const indexAt = (pixels: number): number => (heights ? heights.at(pixels) : Math.floor(pixels / LINE_PX));
  const from = Math.max(0, indexAt(view.top) - SPARE_LINES);
  const to = Math.min(count, indexAt(view.top + view.height) + SPARE_LINES + 1);

  useEffect(() => {
    if (count > 0) log.look(store.first + from, store.first + to - 1);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `version` stands for all that the store holds
  }, [log.look, from, to, version]);

  const shown = log.loaded && count > 0;
  useSettled(name, log.loaded || log.error !== undefined);
  useLayoutEffect(() => {
    const element = pane.current;
    if (!element || !shown) return;
    const measure = (): void => setView({ top: element.scrollTop, height: element.clientHeight, width: element.clientWidth });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    let due = 0;
    let last = element.scrollTop;
    const onScroll = (): void => {
      const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - AT_END_PX;
      // Only a movement up is the reader's: content that grows moves the end away without any.
      if (atEnd) setFollowing(true);
      else if (element.scrollTop < last) setFollowing(false);
      last = element.scrollTop;
      due ||= requestAnimationFrame(() => {
        due = 0;
        measure();
      });
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      observer.disconnect();
      cancelAnimationFrame(due);
      element.removeEventListener("scroll", onScroll);
    };
  }, [shown]);

  useLayoutEffect(() => {
    if (following && pane.current) pane.current.scrollTop = pane.current.scrollHeight;
  }, [following, height, view.height, log.loaded]);

  // Lines that turn out taller than their length foretold (wide letters of a fallback font) push the others down.
  // eslint-disable-next-line react-hooks/exhaustive-deps -- after each drawing; it comes to rest once all heights are known
  useLayoutEffect(() => {
    if (!heights || !pane.current) return;
    let changed = false;
    for (const element of pane.current.querySelectorAll<HTMLElement>("[data-row]")) {
      const rows = Math.round(element.offsetHeight / LINE_PX);
      if (heights.set(Number(element.dataset["row"]) - store.first, rows)) changed = true;
    }
    if (changed) setCorrections(corrections + 1);
  });

  // What is loaded above the screen must not move what is read on it.
  const anchor = useRef<{ index: number; top: number } | null>(null);
  useLayoutEffect(() => {
    const element = pane.current;
    if (!element) return;
    const kept = anchor.current;
    const moved = kept && !following ? topOf(kept.index) - kept.top : 0;
    if (moved) element.scrollTop += moved;
    const index = Math.min(indexAt(element.scrollTop), Math.max(0, count - 1));
    anchor.current = { index, top: topOf(index) };
  });

  function goTo(row: number): void {
    setChosen(row);
    setFollowing(false);
    if (pane.current) pane.current.scrollTop = topOf(row - store.first) - view.height / 2;
  }
  useEffect(() => {
    if (search.row !== null) goTo(search.row);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only a move of the search moves the view
  }, [search.row, search.wanted]);

  function onClick(event: MouseEvent): void {
    const target = event.target as Element;
    if (!target.closest(".log-number")) return;
    const row = Number(target.closest<HTMLElement>("[data-row]")!.dataset["row"]);
    setChosen(row === chosen ? null : row);
  }

  const lines = [];
  for (let index = from; index < to; index++) {
    const row = store.first + index;
    lines.push(
      <Line
        key={row}
        row={row}
        line={store.get(row)}
        top={topOf(index)}
        height={heights ? undefined : LINE_PX}
        times={times}
        wanted={search.wanted}
        chosen={row === chosen}
      />,
    );
  }
  const chosenLine = chosen === null ? undefined : store.get(chosen);
  const empty = log.loaded && count === 0;
  return (
    <section class="log" aria-label={name}>
      <div class="log-tools">
        <h2 class="log-name">
          {name} <span class="soft num">{count > 0 ? `${formatCount(store.total)} ${store.total === 1 ? "line" : "lines"}` : ""}</span>
        </h2>
        {running && <span class={`log-live${following ? " is-following" : ""}`}>{following ? "following" : "paused"}</span>}
        <span class="log-space" />
        {count > 0 && (
          <>
            <SearchBox search={search} name={name} />
            <button type="button" class="button" aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
              Wrap
            </button>
            <button type="button" class="button" aria-pressed={times} onClick={() => setTimes(!times)}>
              Times
            </button>
            {chosenLine ? (
              <CopyButton text={plain(chosenLine.line)} label="Copy line" />
            ) : (
              <CopyAll store={store} loadAll={log.loadAll} />
            )}
            <a class="button" href={logDownloadAddress(source.flow, source.run, source.step, source.task, source.stream, source.attempt)} download>
              Download
            </a>
          </>
        )}
      </div>
      {store.first > 0 && (
        <p class="log-note soft">
          The newest {formatCount(MOST_LINES)} of {formatCount(store.total)} lines. The download has all of them.
        </p>
      )}
      {log.error && count === 0 && <Failure error={log.error} what={`the log (${name})`} />}
      {empty && !log.error && (
        <p class="log-note soft">{running ? `Nothing on ${name} yet. A task that runs where the flow was started hands its logs over when it ends.` : `Nothing was written to ${name}.`}</p>
      )}
      {count > 0 && (
        <div class="log-frame">
          <div
            ref={pane}
            class={`log-pane mono${wrap ? " is-wrapped" : ""}`}
            role="region"
            tabIndex={0}
            aria-label={`Lines of ${name}`}
            style={{ height: `min(${Math.max(height, LINE_PX) + 18}px, var(--log-height))` }}
            onClick={onClick}
          >
            <span ref={probe} class="log-probe" aria-hidden="true">
              0000000000
            </span>
            <div
              class="log-sheet"
              style={{
                height: `${height}px`,
                "--gutter-digits": `${digits}ch`,
                ...(wrap ? {} : { width: `${Math.ceil(Math.min(store.longest, LONGEST_SHOWN) * charPx + gutterPx + 24)}px` }),
              }}
            >
              {lines}
            </div>
          </div>
          {!following && (
            <button type="button" class="button log-follow" onClick={() => setFollowing(true)}>
              <Icon name="down" size={14} /> {running ? "Follow" : "End"}
            </button>
          )}
        </div>
      )}
    </section>
  );
}

/** Heights of wrapped lines; null where lines are not wrapped and all are one row high. */
function useHeights(store: LogStore, version: number, columns: number): Heights | null {
  const kept = useRef<{ store: LogStore; columns: number; first: number; heights: Heights; seen: number } | null>(null);
  return useMemo(() => {
    if (!columns) return null;
    let state = kept.current;
    if (state?.store !== store || state.columns !== columns || state.first !== store.first) {
      state = kept.current = { store, columns, first: store.first, heights: new Heights(LINE_PX), seen: 0 };
    }
    state.heights.grow(store.total - store.first);
    for (; state.seen < store.changes.length; state.seen++) {
      const row = store.changes[state.seen]!;
      if (row < store.first) continue;
      const text = plain(store.get(row)!.line);
      // Nearly all lines are shorter than the pane is wide, and need no counting.
      const short = text.length * 2 <= columns && !text.includes("\t");
      state.heights.set(row - store.first, short ? 1 : Math.ceil(cells(text.slice(0, LONGEST_SHOWN)) / columns));
    }
    return state.heights;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `version` stands for all that the store holds
  }, [store, version, columns]);
}

interface Search {
  text: string;
  setText: (text: string) => void;
  /** What is marked: the text, a moment after it was typed. */
  wanted: string;
  rows: number[];
  row: number | null;
  place: number;
  move: (by: number) => void;
  loading: boolean;
}

function useSearch(store: LogStore, version: number, loadAll: () => Promise<void>): Search {
  const [text, setText] = useState("");
  const [wanted, setWanted] = useState("");
  const [loading, setLoading] = useState(false);
  const [place, setPlace] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => {
      setWanted(text);
      setPlace(0);
      if (!text || store.complete) return;
      setLoading(true);
      void loadAll().finally(() => setLoading(false));
    }, text ? SEARCH_WAIT_MS : 0);
    return () => clearTimeout(timer);
  }, [text, store, loadAll]);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- `version` stands for all that the store holds
  const rows = useMemo(() => (wanted ? store.find(wanted) : []), [store, version, wanted]);
  const move = (by: number): void => setPlace((old) => (rows.length ? (old + by + rows.length) % rows.length : 0));
  const at = Math.min(place, rows.length - 1);
  // While pages still come in, the first match moves; nothing is scrolled to before all is known.
  return { text, setText, wanted, rows, row: rows.length && !loading ? rows[at]! : null, place: at, move, loading };
}

function SearchBox({ search, name }: { search: Search; name: string }) {
  const { text, setText, wanted, rows, place, move, loading } = search;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Enter") {
      event.preventDefault();
      move(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") setText("");
  };
  return (
    <div class="log-search" role="search" aria-label={name}>
      <input
        class="input"
        type="search"
        value={text}
        placeholder="Search"
        aria-label={`Search in ${name}`}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {wanted && (
        <>
          <span class="log-found num" role="status">
            {loading ? "reading all …" : rows.length ? `${formatCount(place + 1)} of ${formatCount(rows.length)} lines` : "none"}
          </span>
          <button type="button" class="button button-icon" aria-label="Previous match" disabled={!rows.length} onClick={() => move(-1)}>
            <Icon name="up" size={14} />
          </button>
          <button type="button" class="button button-icon" aria-label="Next match" disabled={!rows.length} onClick={() => move(1)}>
            <Icon name="down" size={14} />
          </button>
        </>
      )}
    </div>
  );
}

/** All lines are loaded before they are offered: what is copied must not have holes. */
function CopyAll({ store, loadAll }: { store: LogStore; loadAll: () => Promise<void> }) {
  const [state, setState] = useState<"" | "loading" | "ready">("");
  if (state === "ready" || store.complete) return <CopyButton text={() => store.text()} label="Copy all" />;
  const load = (): void => {
    setState("loading");
    void loadAll().then(() => setState("ready"));
  };
  return (
    <button type="button" class="button" disabled={state === "loading"} onClick={load}>
      {state === "loading" ? "Loading …" : "Load all to copy"}
    </button>
  );
}
