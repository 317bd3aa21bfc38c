/** Points in time and spans of it. */

import { useNow } from "./clock";
import { formatAgo, formatDuration, formatFullTime, formatTime } from "./format";

const NOTHING = <span class="nothing">–</span>;

export function Time({ at }: { at: number | null | undefined }) {
  if (at === null || at === undefined) return NOTHING;
  return (
    <time class="num" dateTime={new Date(at).toISOString()} title={formatFullTime(at)}>
      {formatTime(at, Date.now())}
    </time>
  );
}

/** `3 s ago`, counting on. */
export function Ago({ at }: { at: number | null | undefined }) {
  const now = useNow(at !== null && at !== undefined);
  if (at === null || at === undefined) return NOTHING;
  return (
    <time class="num" dateTime={new Date(at).toISOString()} title={formatFullTime(at)}>
      {formatAgo(now - at)}
    </time>
  );
}

/** A span in ms; with `since` it is still growing, and `ms` is not needed. */
export function Duration({ ms, since }: { ms?: number | null; since?: number | null | undefined }) {
  const growing = since !== undefined && since !== null;
  const now = useNow(growing);
  if (growing) return <span class="num">{formatDuration(now - since)}</span>;
  if (ms === null || ms === undefined) return NOTHING;
  return <span class="num">{formatDuration(ms)}</span>;
}
