/** A status: shape, word and colour, so that none of the three has to be seen alone. */

import { Icon } from "./Icon";

const WORDS: Record<string, string> = {
  running: "Running",
  completed: "Completed",
  failed: "Failed",
  pending: "Pending",
  unknown: "Unknown",
  refining: "Unknown",
};

const SHAPES: Record<string, string> = {
  completed: "M4.8 8.3l2.2 2.2 4.2-4.6",
  failed: "M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8",
  pending: "M8 5v3l2 1.4",
  unknown: "M6.3 6.3a1.8 1.8 0 112.9 1.6c-.7.4-1.1.7-1.1 1.4M8.1 11.2v.1",
};

export const statusWord = (value: string): string => WORDS[value] ?? value;
const kind = (value: string): string => (value === "refining" ? "unknown" : value in WORDS ? value : "unknown");

export function StatusIcon({ value, size = 16 }: { value: string; size?: number }) {
  const shape = SHAPES[kind(value)];
  return (
    <svg class={`status-icon is-${kind(value)}`} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <circle class="status-disc" cx="8" cy="8" r="6.5" />
      {shape ? <path class="status-shape" d={shape} /> : <path class="status-arc" d="M8 3.6a4.4 4.4 0 014.4 4.4" />}
    </svg>
  );
}

/** Beside a status: the code raised an exception, and `@catch` let the run go on. */
export function Caught() {
  return (
    <span class="is-pending mark-caught" title="Its exception was caught by @catch">
      <Icon name="warn" size={14} />
      <span class="unseen">, its exception was caught</span>
    </span>
  );
}

/** `compact` shows the shape only; the word is still there for those who cannot see it. */
export function Status({ value, compact = false }: { value: string; compact?: boolean }) {
  return (
    <span class={`status is-${kind(value)}`} title={compact ? statusWord(value) : undefined}>
      <StatusIcon value={value} />
      <span class={compact ? "unseen" : "status-word"}>{statusWord(value)}</span>
    </span>
  );
}
