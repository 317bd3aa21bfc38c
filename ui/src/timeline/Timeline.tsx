/** The steps and tasks of a run as bars over time. Only the rows on the screen exist, so that ten thousand scroll. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { UIStep, UITask } from "../api";
import { Empty, formatTime, statusWord, VirtualList } from "../parts";
import { query } from "../router";
import { useKeys } from "../shell";
import { cardsUntil, type RunFacts } from "./after";
import { Overview } from "./Overview";
import { extent, rowsOf, stepBars, type Row, type Sorting, type Status } from "./rows";
import { Details, TimelineRow } from "./Rows";
import { place, sinceStart, ticks } from "./scale";
import { FILTERS, TimelineTools } from "./TimelineTools";
import { useView } from "./useView";
import "./timeline.css";

export interface Props {
  steps: UIStep[];
  tasks: UITask[];
  facts: RunFacts;
  now: number;
  running: boolean;
  onOpen: (task: UITask) => void;
  selectedStep?: string | undefined;
}

const ROW_PX = 28;
const TOUCH_ROW_PX = 40;
/** Below this width of the time area, ticks would run into each other. */
const TICK_PX = 96;
const PAGE_ROWS = 20;
/** Keeps what is scrolled to clear of the header and the axis. */
const TOP_MARGIN_PX = 130;

const SORTINGS: readonly Sorting[] = ["start", "duration", "status"];

export function Timeline({ steps, tasks, facts, now, running, onOpen, selectedStep }: Props) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const only = FILTERS.find((status) => status === query.value["status"]) ?? null;
  const sorting = SORTINGS.find((one) => one === query.value["sort"]) ?? "start";
  const clock = query.value["time"] === "clock";
  const [active, setActive] = useState<string | null>(null);
  const [hint, setHint] = useState<{ key: string; x: number; y: number } | null>(null);
  const area = useRef<HTMLDivElement>(null);
  const surface = useRef<HTMLDivElement>(null);

  const bars = useMemo(() => stepBars(steps, tasks), [steps, tasks]);
  const time = running ? now : lastMoment(bars, now);
  const sortedAt = sorting === "duration" ? time : 0; // no other order changes while bars grow
  const rows = useMemo(() => rowsOf(bars, { closed, only, sorting }, sortedAt), [bars, closed, only, sorting, sortedAt]);
  const places = useMemo(() => new Map(rows.map((row, i) => [row.key, i])), [rows]);
  const whole = extent(bars, time);
  const view = useView(whole, area, surface);
  const rowPx = useMemo(() => (window.matchMedia("(pointer: coarse)").matches ? TOUCH_ROW_PX : ROW_PX), []);
  const width = useWidth(area);

  useKeys(
    [
      { keys: "+", label: "Timeline: closer", run: view.zoomIn },
      { keys: "-", label: "Timeline: further away", run: view.zoomOut },
      { keys: "0", label: "Timeline: the whole run", run: view.fit },
      { keys: "[", label: "Timeline: earlier", run: () => view.pan(-1) },
      { keys: "]", label: "Timeline: later", run: () => view.pan(1) },
    ],
    [],
  );

  useEffect(() => {
    if (selectedStep === undefined) return;
    setClosed((old) => without(old, selectedStep));
    setActive(selectedStep);
  }, [selectedStep]);
  const wanted = useRef<string | null>(null);
  if (selectedStep !== undefined && wanted.current !== selectedStep && places.has(selectedStep)) {
    wanted.current = selectedStep;
    requestAnimationFrame(() => scrollTo(places.get(selectedStep)!));
  }

  function scrollTo(index: number): void {
    const list = surface.current;
    if (!list) return;
    const top = list.getBoundingClientRect().top + index * rowPx;
    const lowest = window.innerHeight - rowPx - 12;
    if (top < TOP_MARGIN_PX) window.scrollBy(0, top - TOP_MARGIN_PX);
    else if (top > lowest) window.scrollBy(0, top - lowest);
  }

  function toggle(name: string): void {
    setClosed((old) => (old.has(name) ? without(old, name) : new Set([...old, name])));
  }

  function open(row: Row): void {
    if (row.kind === "task") onOpen(row.task.task);
    else if (row.step.tasks.length) toggle(row.step.name);
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !rows.length) return;
    const here = active === null ? -1 : (places.get(active) ?? -1);
    const row = rows[here];
    const moved = { ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + PAGE_ROWS, PageUp: here - PAGE_ROWS, Home: 0, End: rows.length - 1 }[
      event.key
    ];
    if (moved !== undefined) {
      const next = Math.min(rows.length - 1, Math.max(0, moved));
      setActive(rows[next]!.key);
      setHint(null);
      scrollTo(next);
    } else if (event.key === "ArrowRight" && event.shiftKey) view.pan(1);
    else if (event.key === "ArrowLeft" && event.shiftKey) view.pan(-1);
    else if (event.key === "ArrowRight" && row?.kind === "step" && !row.open) toggle(row.step.name);
    else if (event.key === "ArrowRight" && row?.kind === "step") setActive(rows[here + 1]?.key ?? row.key);
    else if (event.key === "ArrowLeft" && row?.kind === "step" && row.open) toggle(row.step.name);
    else if (event.key === "ArrowLeft" && row?.kind === "task" && !row.alone) {
      setActive(row.step.name);
      scrollTo(places.get(row.step.name)!);
    } else if ((event.key === "Enter" || event.key === " ") && row) open(row);
    else if (event.key === "Escape" && hint) setHint(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function rowUnder(event: Event): Row | undefined {
    const key = (event.target as Element).closest<HTMLElement>("[data-key]")?.dataset["key"];
    return key === undefined ? undefined : rows[places.get(key) ?? -1];
  }

  function onClick(event: MouseEvent): void {
    if (view.wasDrag()) return event.preventDefault();
    if ((event.target as Element).closest("a") || event.button !== 0) return;
    const row = rowUnder(event);
    if (!row) return;
    setActive(row.key);
    open(row);
  }

  function onHover(event: PointerEvent): void {
    if (event.pointerType === "touch") return;
    const row = event.buttons ? undefined : rowUnder(event);
    setHint(row ? { key: row.key, x: event.clientX, y: event.clientY } : null);
  }

  const counts = useMemo(() => countsOf(bars), [bars]);
  const until = useMemo(() => cardsUntil(bars, facts.carded), [bars, facts.carded]);
  const toggleAll = (): void => setClosed(closed.size ? new Set() : new Set(bars.map((bar) => bar.name)));
  if (!bars.length) return <Empty title={running ? "No step has begun yet" : "This run has no steps"} />;

  const many = rows.filter((row) => row.kind === "step").length;
  const { moments, step } = ticks(view.span, whole.start, Math.max(2, Math.floor(width / TICK_PX)));
  const hinted = hint && rows[places.get(hint.key) ?? -1];
  const idOf = (row: Row): string => `timeline-${places.get(row.key)!}`;
  return (
    <section class="timeline" aria-label="Timeline">
      <TimelineTools
        counts={counts}
        only={only}
        sorting={sorting}
        clock={clock}
        view={view}
        collapse={many > 0 ? { closed: closed.size > 0, toggle: toggleAll } : undefined}
      />
      <div class="timeline-head">
        <div class="timeline-row timeline-overview-row">
          <span class="timeline-label soft">Step, task</span>
          <Overview steps={bars} whole={whole} view={view} now={running ? Math.ceil(now / 5000) * 5000 : time} />
          <span class="timeline-lasted soft">Lasted</span>
        </div>
        <div class="timeline-row timeline-axis" aria-hidden="true">
          <span class="timeline-label" />
          <div class="timeline-time" ref={area}>
            {moments.map((moment) => (
              <span key={moment} class="timeline-tick num" style={{ left: `${place(moment, view.span) * 100}%` }}>
                {clock ? clockText(moment, step) : sinceStart(moment - whole.start, step)}
              </span>
            ))}
          </div>
          <span class="timeline-lasted" />
        </div>
      </div>
      <div
        ref={surface}
        class="timeline-body"
        role="tree"
        tabIndex={0}
        aria-label="Steps and tasks. Arrow keys move, Enter opens"
        aria-activedescendant={active !== null && places.has(active) ? `timeline-${places.get(active)!}` : undefined}
        onKeyDown={onKeyDown}
        onClick={onClick}
        onPointerMove={onHover}
        onPointerLeave={() => setHint(null)}
      >
        <div class="timeline-grid" aria-hidden="true">
          {moments.map((moment) => (
            <span key={moment} class="timeline-line" style={{ left: `${place(moment, view.span) * 100}%` }} />
          ))}
          {view.marked && (
            <span
              class="timeline-marked"
              style={{
                left: `${place(view.marked.start, view.span) * 100}%`,
                width: `${(place(view.marked.end, view.span) - place(view.marked.start, view.span)) * 100}%`,
              }}
            />
          )}
        </div>
        <VirtualList
          count={rows.length}
          rowHeight={rowPx}
          role="presentation"
          row={(index) => {
            const row = rows[index]!;
            return (
              <TimelineRow
                key={row.key}
                row={row}
                id={idOf(row)}
                span={view.span}
                now={time}
                height={rowPx}
                active={row.key === active}
                marked={row.step.name === selectedStep}
                note={row.kind === "task" ? facts.foreach.get(row.task.task.task_id) : undefined}
                caught={row.kind === "task" && facts.caught.has(row.task.task.task_id)}
                until={row.kind === "task" ? until.get(attemptKey(row.task.task)) : undefined}
              />
            );
          }}
        />
        {rows.length === 0 && <Empty title={`No task is ${statusWord(only ?? "").toLowerCase()}`} />}
      </div>
      {hint && hinted && (
        <div class="timeline-hint" role="tooltip" style={hintPlace(hint)}>
          <Details
            row={hinted}
            now={time}
            note={hinted.kind === "task" ? facts.foreach.get(hinted.task.task.task_id) : undefined}
            until={hinted.kind === "task" ? until.get(attemptKey(hinted.task.task)) : undefined}
          />
        </div>
      )}
    </section>
  );
}

const attemptKey = (task: UITask): string => `${task.task_id}/${task.attempt_id}`;

function lastMoment(bars: ReturnType<typeof stepBars>, now: number): number {
  // A task of a run that is over may still be called running for a while; its bar must not grow for ever.
  return bars.some((bar) => bar.end === null) ? now : Math.max(...bars.map((bar) => bar.end!), 0);
}

function countsOf(bars: ReturnType<typeof stepBars>): Record<Status | "all", number> {
  const counts = { running: 0, completed: 0, failed: 0, pending: 0, unknown: 0, all: 0 };
  for (const bar of bars) {
    for (const status of FILTERS) counts[status] += bar.counts[status];
    counts.all += bar.tasks.length;
  }
  return counts;
}

function without(set: ReadonlySet<string>, name: string): ReadonlySet<string> {
  return new Set([...set].filter((one) => one !== name));
}

function clockText(moment: number, step: number): string {
  const text = formatTime(moment, moment);
  return step < 1000 ? `${text}.${String(new Date(moment).getMilliseconds()).padStart(3, "0")}` : text;
}

const HINT_WIDTH_PX = 320;

function hintPlace({ x, y }: { x: number; y: number }): Record<string, string> {
  const left = `${Math.max(8, Math.min(x + 14, window.innerWidth - HINT_WIDTH_PX - 8))}px`;
  return y > window.innerHeight / 2 ? { left, bottom: `${window.innerHeight - y + 14}px` } : { left, top: `${y + 18}px` };
}

function useWidth(element: preact.RefObject<HTMLElement>): number {
  const [width, setWidth] = useState(600);
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 600));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return width;
}
