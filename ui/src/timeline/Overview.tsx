/** The whole run in one line: how much ran at each time, and which part of it is in view. For pointers; keys do the same
 *  on the timeline itself. */

import { useMemo, useRef, useState } from "preact/hooks";

import type { StepBar } from "./rows";
import { density, place, type Span } from "./scale";
import type { View } from "./useView";

const SLOTS = 240;
const HEIGHT = 28;
const SMALLEST_DRAG = 0.005;

interface Props {
  steps: readonly StepBar[];
  whole: Span;
  view: View;
  /** Rounded, so that the drawing is not made anew for each second of a long run. */
  now: number;
}

export function Overview({ steps, whole, view, now }: Props) {
  const strip = useRef<HTMLDivElement>(null);
  const drag = useRef<{ from: number; span: Span | null } | null>(null);
  const [marked, setMarked] = useState<Span | null>(null);
  const shapes = useMemo(() => {
    const all: Span[] = [];
    const failed: Span[] = [];
    for (const step of steps) {
      for (const task of step.tasks) {
        for (const segment of task.segments) {
          const bar = { start: segment.start, end: segment.end ?? now };
          all.push(bar);
          if (segment.status === "failed") failed.push(bar);
        }
      }
    }
    const counts = density(all, whole, SLOTS);
    const most = counts.reduce((a, b) => Math.max(a, b), 1);
    return [area(counts, most), area(density(failed, whole, SLOTS), most)] as const;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `whole` is a new object each time
  }, [steps, whole.start, whole.end, now]);

  const share = (event: PointerEvent): number => {
    const { left, width } = strip.current!.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width));
  };
  const moment = (at: number): number => whole.start + (whole.end - whole.start) * at;
  const onDown = (event: PointerEvent): void => {
    const from = share(event);
    const inside = view.narrow && moment(from) >= view.span.start && moment(from) <= view.span.end;
    drag.current = { from, span: inside ? view.span : null };
    strip.current!.setPointerCapture(event.pointerId);
  };
  const onMove = (event: PointerEvent): void => {
    if (!drag.current) return;
    const { from, span } = drag.current;
    const here = share(event);
    if (span) {
      const by = (here - from) * (whole.end - whole.start);
      view.show({ start: span.start + by, end: span.end + by });
    } else if (Math.abs(here - from) > SMALLEST_DRAG) {
      setMarked({ start: moment(Math.min(from, here)), end: moment(Math.max(from, here)) });
    }
  };
  const onUp = (): void => {
    if (marked) view.show(marked);
    drag.current = null;
    setMarked(null);
  };
  const window = marked ?? (view.narrow ? view.span : null);
  return (
    <div
      ref={strip}
      class="timeline-overview"
      aria-hidden="true"
      onPointerDown={onDown}
      onPointerMove={onMove}
      onPointerUp={onUp}
      onPointerCancel={onUp}
      onDblClick={view.fit}
    >
      <svg width="100%" height={HEIGHT} viewBox={`0 0 ${SLOTS} ${HEIGHT}`} preserveAspectRatio="none">
        <path d={shapes[0]} class="timeline-overview-all" />
        <path d={shapes[1]} class="timeline-overview-failed" />
      </svg>
      {window && (
        <span
          class="timeline-window"
          style={{
            left: `${place(window.start, whole) * 100}%`,
            width: `${(place(window.end, whole) - place(window.start, whole)) * 100}%`,
          }}
        />
      )}
    </div>
  );
}

/** Steps of a staircase. What is there at all is at least two pixels high. */
function area(counts: Uint32Array, most: number): string {
  let path = `M0 ${HEIGHT}`;
  counts.forEach((count, i) => {
    const y = count ? Math.min(HEIGHT - 2, HEIGHT - (HEIGHT - 3) * (count / most)) : HEIGHT;
    path += `L${i} ${y.toFixed(1)}L${i + 1} ${y.toFixed(1)}`;
  });
  return `${path}L${SLOTS} ${HEIGHT}Z`;
}
