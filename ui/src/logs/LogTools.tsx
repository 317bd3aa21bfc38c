/** The line above a log: what it is, how long, and what can be done with it. */

import { useState } from "preact/hooks";

import { logDownloadAddress } from "../api";
import { CopyButton, formatCount, Icon } from "../parts";
import { plain } from "./ansi";
import type { LogStore } from "./store";
import type { Log, LogSource } from "./useLog";
import type { Search } from "./useSearch";

interface Props {
  name: string;
  source: LogSource;
  log: Log;
  /** The row that is picked, if any. */
  chosen: number | null;
  /** Whether the end is followed, while there may be more. */
  following: boolean | undefined;
  search: Search;
  wrap: boolean;
  setWrap: (on: boolean) => void;
  times: boolean;
  setTimes: (on: boolean) => void;
}

export function LogTools({ name, source, log, chosen, following, search, wrap, setWrap, times, setTimes }: Props) {
  const { store, loadAll } = log;
  const { flow, run, step, task, stream, attempt } = source;
  const count = store.total - store.first;
  const line = chosen === null ? undefined : store.get(chosen);
  return (
    <div class="log-tools">
      <h2 class="log-name">
        {name} <span class="soft num">{count > 0 ? `${formatCount(store.total)} ${store.total === 1 ? "line" : "lines"}` : ""}</span>
      </h2>
      {following !== undefined && <span class={`log-live${following ? " is-following" : ""}`}>{following ? "following" : "paused"}</span>}
      <span class="log-space" />
      {count > 0 && (
        <>
          <SearchBox search={search} name={name} />
          <div class="log-buttons">
            <button type="button" class="button" aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
              Wrap
            </button>
            <button type="button" class="button" aria-pressed={times} onClick={() => setTimes(!times)}>
              Times
            </button>
            {line ? <CopyButton text={plain(line.line)} label="Copy line" /> : <CopyAll store={store} loadAll={loadAll} />}
            <a class="button" href={logDownloadAddress(flow, run, step, task, stream, attempt)} download>
              Download
            </a>
          </div>
        </>
      )}
    </div>
  );
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
