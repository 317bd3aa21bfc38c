/** A log as a terminal would show it: follows its end while the task runs, and lets go when one scrolls up to read. */

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { reachable, type Phase } from "../api";
import { Failure, formatCount, Icon, useSettled } from "../parts";
import { plain } from "./ansi";
import { cells, Heights } from "./heights";
import { Line, LONGEST_SHOWN } from "./Line";
import { LogTools } from "./LogTools";
import { MOST_LINES, type LogStore } from "./store";
import { useLog, type LogSource } from "./useLog";
import { useSearch } from "./useSearch";
import "./logs.css";

const LINE_PX = 18;
const SPARE_LINES = 20;
const AT_END_PX = 4;
const NAMES = { out: "stdout", err: "stderr" };

interface Props {
  source: LogSource;
  phase: Phase;
  /** Told once nothing will be added any more. */
  onWhole: () => void;
  /** In the place of an empty log: where it is, if another task has it. */
  origin?: ComponentChildren;
}

export function LogView({ source, phase, onWhole, origin }: Props) {
  const log = useLog(source, phase, onWhole);
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
  const empty = log.loaded && count === 0;
  const waits = log.error?.unreachable === true; // in one line, as what stands there before and after: nothing jumps
  return (
    <section class="log" aria-label={name}>
      <LogTools
        name={name}
        source={source}
        log={log}
        chosen={chosen}
        following={phase === "running" && reachable.value ? following : undefined}
        search={search}
        wrap={wrap}
        setWrap={setWrap}
        times={times}
        setTimes={setTimes}
      />
      {store.first > 0 && (
        <p class="log-note soft">
          The newest {formatCount(MOST_LINES)} of {formatCount(store.total)} lines. The download has all of them.
        </p>
      )}
      {log.error && count === 0 && !waits && <Failure error={log.error} what={`the log (${name})`} />}
      {waits && count === 0 && <p class="log-note soft">Waiting for the backend to show {name} …</p>}
      {empty && !log.error && <p class="log-note soft">{origin ?? nothing(name, phase, log.whole)}</p>}
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
              <Icon name="down" size={14} /> {phase === "running" ? "Follow" : "End"}
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

/** What is known of an empty log. It must not claim more. */
export function nothing(name: string, phase: Phase, whole: boolean): string {
  if (whole) return `Nothing was written to ${name}.`;
  if (phase === "running") return `Nothing on ${name} yet. A task that runs where the flow was started hands its logs over when it ends.`;
  if (phase === "ending") return `Nothing on ${name} yet. The task has ended; its logs are handed over once its cards are made.`;
  return `No ${name} is stored of this attempt.`;
}
