/** When the runs started: one of the usual spans, or from and to. The address holds points in time, not spans. */

import { useState } from "preact/hooks";

import { formatTime } from "../parts";
import { query, setQuery } from "../router";
import { fromLocal, toLocal } from "./localTime";

const HOUR_MS = 3_600_000;
const RANGES = [
  ["Last hour", HOUR_MS],
  ["Last 24 hours", 24 * HOUR_MS],
  ["Last 7 days", 7 * 24 * HOUR_MS],
  ["Last 30 days", 30 * 24 * HOUR_MS],
] as const;
const CHOSEN = "chosen";
const CHOOSE = "choose";

export function TimeRange() {
  const { "ts_epoch:ge": from, "ts_epoch:le": to } = query.value;
  const [editing, setEditing] = useState(false);
  const chosen = Boolean(from ?? to);
  const choose = (value: string): void => {
    if (value === CHOSEN) return;
    setEditing(value === CHOOSE);
    if (value === CHOOSE) return;
    setQuery({ "ts_epoch:ge": value ? String(Date.now() - Number(value)) : undefined, "ts_epoch:le": undefined });
  };
  return (
    <>
      <label class="select">
        <span class="unseen">Started</span>
        <select
          class="input"
          value={editing ? CHOOSE : chosen ? CHOSEN : ""}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          <option value="">Any time</option>
          {RANGES.map(([label, span]) => (
            <option key={span} value={span}>
              {label}
            </option>
          ))}
          <option value={CHOOSE}>From … to …</option>
          {chosen && <option value={CHOSEN}>{words(from, to)}</option>}
        </select>
      </label>
      {editing && (
        <div class="range">
          <Point label="From" name="ts_epoch:ge" value={from} />
          <Point label="To" name="ts_epoch:le" value={to} />
        </div>
      )}
    </>
  );
}

function Point({ label, name, value }: { label: string; name: string; value: string | undefined }) {
  return (
    <label class="range-point">
      <span class="soft">{label}</span>
      <input
        class="input"
        type="datetime-local"
        value={toLocal(value)}
        onChange={(event) => setQuery({ [name]: fromLocal(event.currentTarget.value) })}
      />
    </label>
  );
}

function words(from: string | undefined, to: string | undefined): string {
  const at = (text: string): string => formatTime(Number(text), Date.now());
  return [from && `since ${at(from)}`, to && `until ${at(to)}`].filter(Boolean).join(" ");
}
