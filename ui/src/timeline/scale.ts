/** The time axis: which part of the run is in view, how it is zoomed and panned, and where ticks belong. Pure. */

export interface Span {
  start: number;
  end: number;
}

/** Nothing that Metaflow records is finer than a millisecond. */
export const NARROWEST_MS = 20;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * DAY),
];

/** Where a moment is in the span, 0 at its start and 1 at its end. */
export function place(moment: number, { start, end }: Span): number {
  return (moment - start) / (end - start);
}

/** `span` moved and cut so that it lies in `whole`. */
export function within(span: Span, whole: Span): Span {
  const width = Math.min(Math.max(span.end - span.start, NARROWEST_MS), whole.end - whole.start);
  const start = Math.min(Math.max(span.start, whole.start), whole.end - width);
  return { start, end: start + width };
}

/** Zooms so that the moment at `at` (0 to 1) stays where it is. A factor above 1 shows less time. */
export function zoomed(span: Span, factor: number, at: number, whole: Span): Span {
  const width = (span.end - span.start) / factor;
  const moment = span.start + (span.end - span.start) * at;
  return within({ start: moment - width * at, end: moment + width * (1 - at) }, whole);
}

/** Moves by a share of what is in view: 1 is a whole width to the right. */
export function panned(span: Span, share: number, whole: Span): Span {
  const by = (span.end - span.start) * share;
  const width = span.end - span.start;
  const start = Math.min(Math.max(span.start + by, whole.start), whole.end - width);
  return { start, end: start + width };
}

/** Moments for ticks, at round distances from `origin`, at most `most` of them. */
export function ticks(span: Span, origin: number, most: number): { moments: number[]; step: number } {
  const width = span.end - span.start;
  const step = STEPS.find((one) => width / one <= Math.max(1, most)) ?? STEPS[STEPS.length - 1]!;
  const moments: number[] = [];
  for (let n = Math.ceil((span.start - origin) / step); origin + n * step <= span.end && moments.length <= most; n++) {
    moments.push(origin + n * step);
  }
  return { moments, step };
}

/** The time since the start, as exact as ticks `step` apart need it: `0`, `1.5s`, `2m 30s`, `1h 5m`, `2d 3h`. */
export function sinceStart(ms: number, step: number): string {
  if (ms < 0) return `−${sinceStart(-ms, step)}`;
  if (ms === 0) return "0";
  if (step < SECOND) {
    const digits = step >= 100 ? 1 : step >= 10 ? 2 : 3;
    if (ms < MINUTE) return `${(ms / SECOND).toFixed(digits)}s`;
    return `${Math.floor(ms / MINUTE)}m ${((ms % MINUTE) / SECOND).toFixed(digits).padStart(3 + digits, "0")}s`;
  }
  if (ms < MINUTE) return `${Math.round(ms / SECOND)}s`;
  if (ms < HOUR) return joined(Math.floor(ms / MINUTE), "m", Math.round((ms % MINUTE) / SECOND), "s");
  if (ms < DAY) return joined(Math.floor(ms / HOUR), "h", Math.floor((ms % HOUR) / MINUTE), "m");
  return joined(Math.floor(ms / DAY), "d", Math.floor((ms % DAY) / HOUR), "h");
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small ? `${large}${largeUnit} ${small}${smallUnit}` : `${large}${largeUnit}`;
}

/** How the time goes on where many bars lie: for each of `slots` equal parts, how many of the bars touch it. */
export function density(bars: Iterable<Span>, whole: Span, slots: number): Uint32Array {
  const changes = new Int32Array(slots + 1);
  const slot = (moment: number) => Math.min(slots - 1, Math.max(0, Math.floor(place(moment, whole) * slots)));
  for (const bar of bars) {
    const from = slot(bar.start);
    const to = slot(bar.end);
    changes[from]! += 1;
    changes[to + 1]! -= 1;
  }
  const found = new Uint32Array(slots);
  let open = 0;
  for (let i = 0; i < slots; i++) found[i] = open += changes[i]!;
  return found;
}
