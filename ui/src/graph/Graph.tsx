/** The flow as a drawing: steps as cards, what a foreach repeats in frames, coloured by what has become of their tasks. */

import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Dag, RunStatus, UITask } from "../api";
import { Empty, formatCount, StatusIcon, statusWord } from "../parts";
import { useKeys } from "../shell";
import { stepBars, type StepBar } from "../timeline/rows";
import { layOut, type Frame, type Layout, type Link, type Node } from "./layout";
import type { Point } from "./layered";
import "./graph.css";

export interface Props {
  dag: Dag | null;
  tasks: UITask[];
  /** Steps that were gone on to, by the switch that chose them. */
  transitions: ReadonlyMap<string, ReadonlySet<string>>;
  status: RunStatus;
  onStep: (name: string) => void;
}

const MARGIN = 12;
const STEP_FACTOR = 1.25;
const LARGEST = 2;
const SMALLEST = 0.15;
/** Smaller than this, names cannot be read: a wide graph is then scrolled rather than shrunk, unless asked for. */
const READABLE = 0.62;
const WHEEL_SPEED = 0.004;
const LONGEST_TITLE = 600;

export function Graph({ dag, tasks, transitions, status, onStep }: Props) {
  const layout = useMemo(() => layOut(dag), [dag]);
  const bars = useMemo(() => new Map(stepBars([], tasks).map((bar) => [bar.name, bar])), [tasks]);
  const pane = useRef<HTMLDivElement>(null);
  const { scale, zoom, fit, fitted } = useScale(pane, layout.width + 2 * MARGIN);
  const nodes = useMemo(() => [...layout.nodes].sort((one, other) => one.y - other.y || one.x - other.x), [layout]);
  usePan(pane);

  useKeys(
    [
      { keys: "+", label: "Graph: larger", run: () => zoom(STEP_FACTOR) },
      { keys: "-", label: "Graph: smaller", run: () => zoom(1 / STEP_FACTOR) },
      { keys: "0", label: "Graph: fit to the width", run: fit },
    ],
    [zoom, fit],
  );

  if (!layout.nodes.length) {
    return (
      <Empty title="This run has no graph">
        <p>Its client has not stored one: it is too old, or the run has only just begun.</p>
      </Empty>
    );
  }
  const width = layout.width + 2 * MARGIN;
  const height = layout.height + 2 * MARGIN;
  return (
    <section class="graph" aria-label="Graph of the steps">
      <div class="graph-tools" role="group" aria-label="Zoom">
        <button type="button" class="button button-icon" aria-label="Smaller" title="Smaller (−)" onClick={() => zoom(1 / STEP_FACTOR)}>
          −
        </button>
        <button type="button" class="button" title="Fit to the width (0)" disabled={fitted} onClick={fit}>
          Fit
        </button>
        <button type="button" class="button button-icon" aria-label="Larger" title="Larger (+)" onClick={() => zoom(STEP_FACTOR)}>
          +
        </button>
      </div>
      <div ref={pane} class="graph-pane">
        <div class="graph-sheet" style={{ width: `${width * scale}px`, height: `${height * scale}px` }}>
          <div class="graph-scaled" style={{ width: `${width}px`, height: `${height}px`, transform: `scale(${scale})` }}>
            <div class="graph-origin" style={{ left: `${MARGIN}px`, top: `${MARGIN}px` }}>
              {layout.frames.map((frame) => (
                <FrameBox key={frame.id} frame={frame} />
              ))}
              <Lines layout={layout} bars={bars} transitions={transitions} />
              {layout.frames.map((frame) => (
                <FrameLabel key={frame.id} frame={frame} count={entered(layout, frame, bars)} />
              ))}
              <ol aria-label="Steps">
                {nodes.map((node) => (
                  <li key={node.id}>
                    <Card node={node} bar={bars.get(node.id)} absent={ABSENT[status]} onStep={onStep} />
                  </li>
                ))}
              </ol>
            </div>
          </div>
        </div>
      </div>
    </section>
  );
}

/** How many tasks the first step of a frame has had so far. */
function entered(layout: Layout, frame: Frame, bars: Map<string, StepBar>): number {
  const first = layout.links.find((link) => link.from === frame.id && !link.back);
  return first ? (bars.get(first.to)?.tasks.length ?? 0) : 0;
}

function FrameBox({ frame }: { frame: Frame }) {
  const { x, y, width, height, depth } = frame;
  const level = depth === 1 ? "is-outer" : "is-inner";
  return <div class={`graph-frame ${level}`} style={{ left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` }} />;
}

/** Drawn after the lines, which may pass where it stands. */
function FrameLabel({ frame, count }: { frame: Frame; count: number }) {
  const { x, y, width, over, depth } = frame;
  const level = depth === 1 ? "is-outer" : "is-inner";
  return (
    <p class={`graph-frame-label ${level}`} style={{ left: `${x + 8}px`, top: `${y + 4}px`, maxWidth: `${width - 16}px` }}>
      foreach{over && <bdi> {over}</bdi>}
      {count > 0 && <span class="num"> × {formatCount(count)}</span>}
    </p>
  );
}

interface LinesProps {
  layout: Layout;
  bars: Map<string, StepBar>;
  transitions: Props["transitions"];
}

function Lines({ layout, bars, transitions }: LinesProps) {
  const kinds = new Map(layout.nodes.map((node) => [node.id, node.type]));
  const taken = ({ from, to }: Link): boolean => {
    if (!bars.has(from) || !bars.has(to)) return false;
    // Both ends of a switch's edge may have tasks without it: another way led there.
    return kinds.get(from) === SWITCH ? (transitions.get(from)?.has(to) ?? false) : true;
  };
  return (
    <svg class="graph-lines" width={layout.width} height={layout.height} aria-hidden="true">
      {layout.links.map((link) => (
        <g key={`${link.from} ${link.to}`} class={`${taken(link) ? "is-taken" : ""}${link.back ? " is-back" : ""}`}>
          <path class="graph-line" d={link.back ? square(link.points) : curve(link.points)} />
          <path class="graph-arrow" d={arrow(link)} />
        </g>
      ))}
    </svg>
  );
}

const ARROW = 6;

function curve(points: readonly Point[]): string {
  const [first, ...rest] = points as [Point, ...Point[]];
  let d = `M${first.x} ${first.y}`;
  let before = first;
  rest.forEach((point, i) => {
    const y = i === rest.length - 1 ? point.y - ARROW / 2 : point.y;
    const half = (before.y + y) / 2;
    d += Math.abs(point.x - before.x) < 0.5 ? `L${point.x} ${y}` : `C${before.x} ${half} ${point.x} ${half} ${point.x} ${y}`;
    before = point;
  });
  return d;
}

function square(points: readonly Point[]): string {
  const [a, b, c, d] = points as [Point, Point, Point, Point];
  const up = Math.sign(c.y - b.y);
  const r = Math.min(8, Math.abs(c.y - b.y) / 2);
  return `M${a.x} ${a.y}H${b.x - r}Q${b.x} ${b.y} ${b.x} ${b.y + up * r}V${c.y - up * r}Q${c.x} ${c.y} ${c.x - r} ${c.y}H${d.x + ARROW / 2}`;
}

function arrow({ points, back }: Link): string {
  const { x, y } = points[points.length - 1]!;
  return back
    ? `M${x} ${y}l${ARROW} ${-ARROW * 0.6}v${ARROW * 1.2}z`
    : `M${x} ${y}l${-ARROW * 0.6} ${-ARROW}h${ARROW * 1.2}z`;
}

const SWITCH = "split-switch";

/** A step that has no tasks, in a run of this status. */
const ABSENT: Record<RunStatus, string> = { running: "not started", completed: "skipped", failed: "not reached" };

const KINDS: Record<string, string> = {
  start: "",
  end: "",
  linear: "",
  split: "split",
  "split-static": "split",
  "split-foreach": "foreach",
  "split-parallel": "parallel",
  "split-switch": "switch",
  join: "join",
};

interface CardProps {
  node: Node;
  bar: StepBar | undefined;
  /** What to say of a step without tasks. */
  absent: string;
  onStep: (name: string) => void;
}

function Card({ node, bar, absent, onStep }: CardProps) {
  const total = bar?.tasks.length ?? 0;
  const done = bar?.counts.completed ?? 0;
  const failed = bar?.counts.failed ?? 0;
  const status = bar ? bar.status : "none";
  const kind = KINDS[node.type] ?? node.type;
  const word = bar ? statusWord(bar.status) : "";
  const counted = total > 1 ? `${formatCount(done)}/${formatCount(total)}` : "";
  return (
    <button
      type="button"
      class={`graph-card is-${status}${node.depth > 0 ? " is-many" : ""}`}
      style={{ left: `${node.x}px`, top: `${node.y}px`, width: `${node.width}px`, height: `${node.height}px` }}
      title={[node.id, node.doc].filter(Boolean).join("\n\n").slice(0, LONGEST_TITLE)}
      onClick={() => onStep(node.id)}
    >
      <span class="graph-card-head">
        {bar ? <StatusIcon value={bar.status} size={15} /> : <span class="graph-none" />}
        <bdi class="cut">{node.id}</bdi>
      </span>
      <span class="graph-card-foot">
        {kind && <span class="graph-kind">{kind}</span>}
        {!bar && <span>{absent}</span>}
        {bar && <span class={counted ? "unseen" : ""}>{word.toLowerCase()}</span>}
        {failed > 0 && total > 1 && <span class="graph-failed num">{formatCount(failed)} failed</span>}
        {counted && <span class="graph-count num">{counted}</span>}
      </span>
    </button>
  );
}

/** The scale, which follows the width of the pane until the user chooses one. */
function useScale(pane: RefObject<HTMLDivElement>, width: number) {
  const [room, setRoom] = useState(0);
  const [chosen, setChosen] = useState<number | null>(null);
  useLayoutEffect(() => {
    if (!pane.current) return;
    const observer = new ResizeObserver(([entry]) => setRoom(entry?.contentRect.width ?? 0));
    setRoom(pane.current.clientWidth);
    observer.observe(pane.current);
    return () => observer.disconnect();
  }, [pane, width]);
  const whole = room > 0 ? Math.min(1, room / width) : 1;
  const scale = chosen ?? Math.max(whole, READABLE);
  const latest = useRef(scale);
  latest.current = scale;
  const actions = useMemo(
    () => ({
      zoom: (factor: number) => setChosen(Math.min(LARGEST, Math.max(SMALLEST, latest.current * factor))),
      show: (value: number) => setChosen(value),
    }),
    [],
  );
  useEffect(() => {
    const element = pane.current;
    if (!element) return;
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const { left } = element.getBoundingClientRect();
      const at = event.clientX - left;
      const before = latest.current;
      const middle = (element.scrollLeft + at) / before;
      actions.zoom(Math.exp(-event.deltaY * WHEEL_SPEED));
      requestAnimationFrame(() => (element.scrollLeft = middle * latest.current - at));
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [pane, width, actions]);
  const fit = useMemo(() => () => actions.show(whole), [actions, whole]);
  return { scale, zoom: actions.zoom, fit, fitted: Math.abs(scale - whole) < 0.001 };
}

/** Dragging the ground moves the drawing sideways and the page up and down. Touch does so by itself. */
function usePan(pane: RefObject<HTMLDivElement>): void {
  useEffect(() => {
    const element = pane.current;
    if (!element) return;
    let last: { x: number; y: number } | null = null;
    const onDown = (event: PointerEvent): void => {
      if (event.pointerType === "touch" || event.button !== 0 || (event.target as Element).closest("button")) return;
      last = { x: event.clientX, y: event.clientY };
      element.setPointerCapture(event.pointerId);
    };
    const onMove = (event: PointerEvent): void => {
      if (!last) return;
      element.scrollLeft -= event.clientX - last.x;
      window.scrollBy(0, last.y - event.clientY);
      last = { x: event.clientX, y: event.clientY };
    };
    const onUp = (): void => void (last = null);
    element.addEventListener("pointerdown", onDown);
    element.addEventListener("pointermove", onMove);
    element.addEventListener("pointerup", onUp);
    element.addEventListener("pointercancel", onUp);
    return () => {
      element.removeEventListener("pointerdown", onDown);
      element.removeEventListener("pointermove", onMove);
      element.removeEventListener("pointerup", onUp);
      element.removeEventListener("pointercancel", onUp);
    };
  });
}
