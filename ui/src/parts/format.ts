/** Times, durations and sizes as people read them. */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const two = (n: number): string => String(n).padStart(2, "0");

/** `420ms`, `12.3s`, `3m 04s`, `1h 02m`, `2d 3h`. */
export function formatDuration(ms: number): string {
  const span = Math.max(0, ms); // clocks of two machines may disagree
  if (span < SECOND_MS) return `${Math.round(span)}ms`;
  if (span < MINUTE_MS - 50) return `${(span / SECOND_MS).toFixed(1)}s`;
  const seconds = Math.round(span / SECOND_MS);
  if (span < HOUR_MS) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (span < DAY_MS) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** `just now`, `8 s ago`, `5 min ago`, `3 h ago`, `2 d ago`. */
export function formatAgo(ms: number): string {
  if (ms < SECOND_MS) return "just now";
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s ago`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min ago`;
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)} h ago`;
  return `${Math.floor(ms / DAY_MS)} d ago`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** In the reader's zone; what can be known from today is left out: `14:03:22`, `21 Nov 14:03`, `21 Nov 2025`. */
export function formatTime(at: number, now: number): string {
  const then = new Date(at);
  const today = new Date(now);
  const day = `${then.getDate()} ${MONTHS[then.getMonth()] ?? ""}`;
  const clock = `${two(then.getHours())}:${two(then.getMinutes())}`;
  if (then.getFullYear() !== today.getFullYear()) return `${day} ${then.getFullYear()}`;
  if (then.getMonth() !== today.getMonth() || then.getDate() !== today.getDate()) return `${day} ${clock}`;
  return `${clock}:${two(then.getSeconds())}`;
}

/** The whole of it, for titles: `2026-11-24 14:03:22.120`. */
export function formatFullTime(at: number): string {
  const t = new Date(at);
  const date = `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
  return `${date} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${String(t.getMilliseconds()).padStart(3, "0")}`;
}

/** Powers of 1024: `512 B`, `13.6 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? ""}`;
}

export const formatCount = (n: number): string => n.toLocaleString("en-US");
